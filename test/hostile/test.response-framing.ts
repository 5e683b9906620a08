import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { startRecorder } from '../suites/hostile.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
const head = 'HTTP/1.1 200 OK\r\n';

/** Whoever reads another end takes the rest for the answer to the next request. */
const refused = [
  [`${head}Content-Length: 2\r\nContent-Length: 50\r\n\r\nok${evil}`, 'two lengths'],
  [`${head}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`, 'a length twice'],
  [`${head}Content-Length: 2, 2\r\n\r\nok`, 'a list of lengths'],
  [`${head}Content-Length: +2\r\n\r\nok`, 'a plus'],
  [`${head}Content-Length: \r\n\r\nok`, 'an empty length'],
  [`${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`, 'both'],
  [`${head}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n`, 'both, turned'],
  [`${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 'an unknown coding'],
  [`${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 'two codings'],
  [`${head}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`, 'a tab behind the coding'],
  [`${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`, 'two lines'],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 'chunks in HTTP/1.0'],
] as const;

for (const [answer, why] of refused) {
  test(`a response with ${why} is a 502, and its rest reaches nobody`, async (t) => {
    const recorder = await startRecorder(t, {}, ({ head }) => (head.target === '/1' ? answer : ok));
    const client = await recorder.proxy.dial();
    client.write(get('/1') + get('/2'));
    const first = await client.readResponse();
    assert.equal(first.head.status, 502);
    assert.equal((await client.readResponse()).body.toString(), 'ok');
    const other = await recorder.proxy.dial();
    other.write(get('/3'));
    assert.equal((await other.readResponse()).body.toString(), 'ok');
  });
}

const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`;
const broken = [
  [`-1\r\n${evil}`, 'a negative size'],
  ['5\nhello\r\n0\r\n\r\n', 'bare LF'],
  ['2\r\nevil\r\n0\r\n\r\n', 'more data than announced'],
  ['0\r\nX : 1\r\n\r\n', 'a trailer that is none'],
  [evil, 'an answer for a size'],
  ['ffffffffffffffff\r\nx', 'a size of 64 bits'],
] as const;

for (const [rest, why] of broken) {
  test(`a chunked response with ${why} does not look complete`, async (t) => {
    const recorder = await startRecorder(t, {}, async ({ head }, peer) => {
      if (head.target !== '/1') return ok;
      await peer.send(chunked);
      return rest;
    });
    const client = await recorder.proxy.dial();
    client.write(get('/1'));
    const text = (await client.readAll()).toString('latin1');
    assert.match(text, /^HTTP\/1\.1 (200|502) /);
    assert.doesNotMatch(text, /\r\n0\r\n|evil/);
    const other = await recorder.proxy.dial();
    other.write(get('/2'));
    assert.equal((await other.readResponse()).body.toString(), 'ok');
  });
}

test('a length that Connection names still reaches the client', async (t) => {
  const answer = `${head}Content-Length: 2\r\nConnection: Content-Length, Date, X-A\r\nX-A: 1\r\n\r\nok`;
  const recorder = await startRecorder(t, {}, () => answer);
  const client = await recorder.proxy.dial();
  client.write(get('/1') + get('/2'));
  for (let count = 0; count < 2; count++) {
    const { head: response, body } = await client.readResponse();
    assert.equal(response.get('content-length'), '2');
    assert.equal(response.get('x-a'), undefined);
    assert.equal(body.toString(), 'ok');
  }
});

test('1xx and 204 that announce a body get none', async (t) => {
  const length = 'Content-Length: 4\r\n';
  const recorder = await startRecorder(t, {}, ({ head: request }) =>
    request.target === '/1'
      ? `HTTP/1.1 103 Early\r\n${length}\r\n${ok}`
      : `HTTP/1.1 204 No\r\n${length}\r\nevil`,
  );
  const client = await recorder.proxy.dial();
  client.write(get('/1') + get('/2') + get('/1'));
  const hints = await client.readHead();
  assert.deepEqual([hints.status, hints.get('content-length')], [103, undefined]);
  assert.equal((await client.readResponse()).body.toString(), 'ok');
  const empty = await client.readHead();
  assert.deepEqual([empty.status, empty.get('content-length')], [204, undefined]);
  assert.equal((await client.readHead()).status, 103);
  assert.equal((await client.readResponse()).body.toString(), 'ok');
});
