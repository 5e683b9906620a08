import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';

/** Queries by UDP that wait for an answer at once. */
const openMax = 32;

/** How long an answer is waited for, each time. */
export interface IPatience {
  /** @default 1000 */
  readonly timeoutMs?: number;
  /** @default 4 */
  readonly triesMax?: number;
}

/**
 * Asks a server by UDP: many queries, each with its answer in place; null: none came, however often it was
 * asked. Ids are overwritten.
 */
export async function askAll(
  port: number,
  queries: readonly Buffer[],
  { timeoutMs = 1000, triesMax = 4 }: IPatience = {},
): Promise<(Buffer | null)[]> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const answers: (Buffer | null)[] = queries.map(() => null);
  const waiting = new Map<number, (answer: Buffer | null) => void>();
  socket.on('message', (bytes) => {
    // Garbage is answered without an id of ours, or by nobody.
    if (bytes.length >= 2) waiting.get(bytes.readUInt16BE(0))?.(bytes);
  });
  const ask = async (id: number, query: Buffer): Promise<Buffer | null> => {
    const own = Buffer.from(query);
    if (own.length >= 2) own.writeUInt16BE(id, 0);
    for (let tries = 0; tries < triesMax; tries++) {
      const { promise, resolve } = Promise.withResolvers<Buffer | null>();
      const timer = setTimeout(() => resolve(null), timeoutMs);
      waiting.set(id, resolve);
      socket.send(own, port, '127.0.0.1');
      const answer = await promise;
      clearTimeout(timer);
      waiting.delete(id);
      if (answer !== null) return answer;
    }
    return null;
  };
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < queries.length; index = next++) {
      answers[index] = await ask(index & 0xffff, queries[index] as Buffer);
    }
  };
  try {
    await Promise.all(Array.from({ length: openMax }, work));
  } finally {
    socket.close();
  }
  return answers;
}

/** Asks by TCP on a connection of its own. @returns null when it was closed, or nothing came in time. */
export async function askByTcp(
  port: number,
  query: Buffer,
  timeoutMs: number,
): Promise<Buffer | null> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<Buffer | null>();
  let bytes = Buffer.alloc(0);
  socket.on('data', (part) => {
    bytes = Buffer.concat([bytes, part]);
    if (bytes.length < 2) return;
    const end = 2 + bytes.readUInt16BE(0);
    if (bytes.length >= end) resolve(bytes.subarray(2, end));
  });
  socket.on('error', (error) => assert.match(error.message, /ECONNRESET|EPIPE/));
  socket.on('close', () => resolve(null));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  const timer = setTimeout(() => resolve(null), timeoutMs);
  const answer = await promise;
  clearTimeout(timer);
  socket.destroy();
  return answer;
}
