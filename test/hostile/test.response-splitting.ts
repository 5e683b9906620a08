import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get } from '../suites/engine.ts';
import { startRecorder } from '../suites/hostile.ts';

const start = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n';

/** What a backend made of a client's words must not become fields or answers for others. */
const answers = [
  [`${start}X: a\rSet-Cookie: evil\r\n\r\nok`, 'a field behind CR'],
  [`${start}X: a\nSet-Cookie: evil\r\n\r\nok`, 'a field behind LF'],
  [`${start}X: a\n\nHTTP/1.1 200 OK\r\nX: evil\r\n\r\nok`, 'an answer behind LF LF'],
  [`${start}X: a\0evil\r\n\r\nok`, 'NUL'],
  [`${start}X: a\r\n evil\r\n\r\nok`, 'a folded line'],
  [`${start}X : evil\r\n\r\nok`, 'a space before the colon'],
  [`${start} X: evil\r\n\r\nok`, 'a line that begins with a space'],
  [`${start}evil\r\n\r\nok`, 'a line without a colon'],
  [`${start}X\xe4: evil\r\n\r\nok`, 'a name outside of ASCII'],
  [`${start}: evil\r\n\r\nok`, 'no name'],
  ['HTTP/1.1 200 O\rK: evil\r\nContent-Length: 2\r\n\r\nok', 'CR in the reason'],
  ['HTTP/1.1 200 OK\nX: evil\r\nContent-Length: 2\r\n\r\nok', 'LF behind the reason'],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\n\nevil', 'LF everywhere'],
  ['HTTP/2.0 200 evil\r\nContent-Length: 2\r\n\r\nok', 'another version'],
  ['HTTP/1.1 2000 evil\r\nContent-Length: 2\r\n\r\nok', 'a status of four digits'],
  ['HTTP/1.1 020 evil\r\nContent-Length: 2\r\n\r\nok', 'a status below 100'],
  ['evil\r\n\r\n', 'no HTTP at all'],
  ['<h1>evil</h1>', 'no HTTP, without an end'],
] as const;

for (const [answer, why] of answers) {
  for (const isSlow of [false, true]) {
    test(`a response with ${why} is a 502${isSlow ? ', also byte by byte' : ''}`, async (t) => {
      const recorder = await startRecorder(t, {}, async ({ head }, peer) => {
        if (head.target !== '/evil') return `${start}\r\nok`;
        if (!isSlow) return answer;
        for (const byte of answer) {
          if (peer.ending === null) await peer.send(byte);
        }
        return '';
      });
      const client = await recorder.proxy.dial();
      client.write(get('/evil') + get('/b'));
      const { head, body } = await client.readResponse();
      assert.equal(head.status, 502);
      assert.doesNotMatch(head.text + body, /evil/);
      assert.equal((await client.readResponse()).body.toString(), 'ok');
    });
  }
}

test('what stands in a target comes back in a redirect as it was sent: encoded', async (t) => {
  const route = { redirect: { to: 'https://{host}{path}{query}' } };
  const recorder = await startRecorder(t, { route });
  const client = await recorder.proxy.dial();
  client.write(get('/a%0d%0aSet-Cookie:%20evil?%0d%0aX:%20evil'));
  const { head } = await client.readResponse();
  assert.equal(
    head.get('location'),
    'https://example.test/a%0d%0aSet-Cookie:%20evil?%0d%0aX:%20evil',
  );
  assert.equal(head.get('set-cookie'), undefined);
});
