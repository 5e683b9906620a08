import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { get, type IProxy, type IProxyWishes, ok, startBackend, startProxy } from './engine.ts';
import { type IMessage, MessageHead, type Peer } from './peer.ts';

/** A backend that keeps what it receives. */
export interface IRecorder {
  readonly proxy: IProxy;
  /** All bytes, over all connections. */
  received(): string;
  /** The requests that it could read, in the order in which they came. */
  readonly requests: IMessage[];
}

/**
 * Starts a proxy before a backend that keeps what it receives, for the length of a test.
 *
 * @param answer to a request; its target when left out.
 */
export async function startRecorder(
  context: TestContext,
  wishes: IProxyWishes = {},
  answer: (request: IMessage, peer: Peer) => string | Promise<string> = ({ head }) =>
    ok(head.target),
): Promise<IRecorder> {
  const parts: Buffer[] = [];
  const requests: IMessage[] = [];
  const backend = await startBackend(context, async (peer) => {
    peer.socket.on('data', (bytes: Buffer) => parts.push(bytes));
    for (;;) {
      const request = await peer.readRequest();
      requests.push(request);
      peer.write(await answer(request, peer));
    }
  });
  const proxy = await startProxy(context, [backend], wishes);
  return { proxy, requests, received: () => Buffer.concat(parts).toString('latin1') };
}

/** Bytes that must not get through. */
export interface IAttack {
  readonly bytes: string;
  readonly why: string;
  /** @default 400 */
  readonly status?: number;
}

/** Makes a test of each attack: it is refused, the connection closed, and nothing of it forwarded. */
export function refuses(
  title: string,
  attacks: readonly IAttack[],
  wishes: IProxyWishes = {},
): void {
  for (const { bytes, why, status = 400 } of attacks) {
    test(`${title}: ${why}`, async (t) => {
      const recorder = await startRecorder(t, wishes);
      const client = await recorder.proxy.dial();
      client.write(bytes);
      await assertRefused(client, status);
      assert.equal(recorder.received(), '', 'nothing of it is forwarded');
      await assertServes(recorder);
    });
  }
}

/**
 * Makes a test of each attack whose head is good: its body is refused, the connection closed, and
 * what the backend may have of it is one request without an end.
 */
export function refusesBody(title: string, attacks: readonly IAttack[]): void {
  for (const { bytes, why, status = 400 } of attacks) {
    for (const isSplit of [false, true]) {
      test(`${title}${isSplit ? ', behind its head' : ''}: ${why}`, async (t) => {
        const recorder = await startRecorder(t);
        const client = await recorder.proxy.dial();
        const headEnd = bytes.indexOf('\r\n\r\n') + 4;
        if (isSplit) await client.send(bytes.slice(0, headEnd));
        if (isSplit) await recorded(recorder, '\r\n\r\n');
        client.write(isSplit ? bytes.slice(headEnd) : bytes);
        await assertRefused(client, status);
        assert.deepEqual(recorder.requests, [], 'no request is complete');
        const heads = recorder.received().match(/HTTP\/1\.1\r\n/g) ?? [];
        assert.ok(heads.length <= 1, 'one request at most');
        assert.doesNotMatch(recorder.received(), /smuggled/);
        await assertServes(recorder);
      });
    }
  }
}

/** Exactly one answer with the status, which says that the connection closes, and the close. */
export async function assertRefused(client: Peer, status: number): Promise<void> {
  const text = (await client.readAll()).toString('latin1');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const answer = new MessageHead(head);
  assert.equal(answer.status, status, text);
  assert.equal(answer.get('connection'), 'close');
  assert.equal(answer.get('content-length'), String(body.length));
  assert.equal(client.ending, 'end');
}

/** Another client, and whatever connections the proxy keeps, are none the worse for it. */
export async function assertServes({ proxy, requests }: IRecorder): Promise<void> {
  for (const target of ['/clean-1', '/clean-2']) {
    const client = await proxy.dial();
    client.write(get(target));
    assert.equal((await client.readResponse()).body.toString(), target);
    client.end();
  }
  assert.deepEqual(
    requests.slice(-2).map(({ head }) => head.target),
    ['/clean-1', '/clean-2'],
  );
}

/**
 * Sends bytes that may pass, and another request behind their answers.
 *
 * @param targets what the backend has to see of them; the answers come in their order.
 * @returns the requests that the backend saw for the bytes.
 */
export async function passes(
  recorder: IRecorder,
  bytes: string,
  targets: readonly string[],
): Promise<IMessage[]> {
  const client = await recorder.proxy.dial();
  const before = recorder.requests.length;
  client.write(bytes);
  for (const target of targets) {
    assert.equal((await client.readResponse()).body.toString(), target);
  }
  client.write(get('/last', 'Connection: close\r\n'));
  assert.equal((await client.readResponse()).body.toString(), '/last');
  assert.equal((await client.readAll()).length, 0, 'no further answer');
  const seen = recorder.requests.slice(before);
  assert.deepEqual(
    seen.map(({ head }) => head.target),
    [...targets, '/last'],
  );
  client.end();
  return seen.slice(0, -1);
}

/** Waits until the backend has received the text. */
export async function recorded(recorder: IRecorder, text: string): Promise<void> {
  while (!recorder.received().includes(text)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A request that an attacker wants to reach the backend inside of another one. */
export const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n';

/** The head of a POST with the given lines. */
export function postWith(...lines: string[]): string {
  const text = lines.map((line) => `${line}\r\n`).join('');
  return `POST /attack HTTP/1.1\r\nHost: example.test\r\n${text}\r\n`;
}

/** The same as a chunked one. */
export const chunkedHead = postWith('Transfer-Encoding: chunked');
