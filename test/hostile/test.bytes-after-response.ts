import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, get } from '../suites/engine.ts';
import { type IRecorder, startRecorder } from '../suites/hostile.ts';

const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
const head = 'HTTP/1.1 200 OK\r\n';
const no = `${head}Content-Length: 2\r\n\r\nno`;

/** What a backend sends too much would be the answer to somebody else's request. */
const answers = [
  [`${head}Content-Length: 2\r\n\r\nok`, evil, 'GET', 'behind a length'],
  [`${head}Content-Length: 0\r\n\r\n`, evil, 'GET', 'behind no body'],
  [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, evil, 'GET', 'behind chunks'],
  [`${head}Transfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\n`, evil, 'GET', 'behind trailers'],
  ['HTTP/1.1 204 No Content\r\n\r\n', evil, 'GET', 'behind 204'],
  ['HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n', evil, 'GET', 'behind 304'],
  [`${head}Content-Length: 4\r\n\r\n`, 'evil', 'HEAD', 'as the body of a HEAD'],
  [`${head}Transfer-Encoding: chunked\r\n\r\n`, '4\r\nevil\r\n0\r\n\r\n', 'HEAD', 'as its chunks'],
  [`${head}Content-Length: 2\r\n\r\nok`, '\r\n', 'GET', 'as an empty line'],
] as const;

/** Waits until the proxy has taken the connection back, and reads on. */
async function untilIdle({ proxy: { route, manager } }: IRecorder): Promise<void> {
  const [endpoint] = route.endpoints;
  await eventually(
    () => endpoint !== undefined && manager.idleConnections(endpoint) === 1,
    'the connection back in the pool',
  );
}

for (const [answer, rest, method, why] of answers) {
  for (const isLate of [false, true]) {
    test(`bytes ${why}${isLate ? ', which come late' : ''}: nobody gets them`, async (t) => {
      const recorder = await startRecorder(t, {}, async ({ head: request }, peer) => {
        if (request.target !== '/1') return no;
        if (!isLate) return answer + rest;
        await peer.send(answer);
        await untilIdle(recorder);
        return rest;
      });
      const { proxy } = recorder;
      const client = await proxy.dial();
      client.write(`${method} /1 HTTP/1.1\r\nHost: a\r\n\r\n`);
      const first = await client.readResponse(method);
      assert.doesNotMatch(first.body.toString(), /evil/);
      await eventually(() => proxy.engine.pools.openCount === 0, 'the end of the connection');
      for (const target of ['/2', '/3']) {
        const other = await proxy.dial();
        other.write(get(target));
        assert.equal((await other.readResponse()).body.toString(), 'no');
      }
      client.write(get('/4'));
      assert.equal((await client.readResponse()).body.toString(), 'no');
    });
  }
}
