import { createSocket } from 'node:dgram';
import type { IRunning } from './processes.ts';

/** What an answer's header says. */
export interface IDnsAnswer {
  rcode: number;
  /** AA. */
  isAuthoritative: boolean;
  /** Records in the answer section. */
  answers: number;
  /** What the message ends with: an address, without EDNS and other records. */
  end: string;
}

const answerTimeoutMs = 500;
const pollTimeoutMs = 20;
const dnssecOk = Buffer.of(0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0);

/** Asks by UDP for an address, once. @returns null when no answer came in time. */
export function askDns(
  port: number,
  name: string,
  dnssec = false,
  timeoutMs = answerTimeoutMs,
): Promise<IDnsAnswer | null> {
  return new Promise((done) => {
    const socket = createSocket('udp4');
    const finish = (answer: IDnsAnswer | null): void => {
      clearTimeout(timer);
      socket.close();
      done(answer);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    socket.once('message', (bytes) =>
      finish({
        rcode: bytes.readUInt8(3) & 15,
        isAuthoritative: (bytes.readUInt8(2) & 4) !== 0,
        answers: bytes.readUInt16BE(6),
        end: bytes.subarray(-4).join('.'),
      }),
    );
    socket.send(queryFor(name, dnssec), port, '127.0.0.1');
  });
}

/** For type A, with RD as dnsperf has it. */
function queryFor(name: string, dnssec: boolean): Buffer {
  const header = Buffer.of(1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, dnssec ? 1 : 0);
  const labels = name
    .split('.')
    .flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')]);
  const type = Buffer.of(0, 0, 1, 0, 1);
  return Buffer.concat([header, ...labels, type, ...(dnssec ? [dnssecOk] : [])]);
}

/**
 * Asks until the server has an address for the name.
 *
 * @returns the milliseconds since `startedAt` (of `performance.now()`).
 * @throws when it ends, or does not answer in time.
 */
export async function waitUntilAnswering(
  port: number,
  name: string,
  server: IRunning,
  startedAt: number,
  timeoutMs = 60_000,
): Promise<number> {
  for (;;) {
    const answer = await askDns(port, name, false, pollTimeoutMs);
    if (answer !== null && answer.rcode === 0 && answer.answers > 0) {
      return performance.now() - startedAt;
    }
    if (server.hasEnded()) throw new Error(`The server ended:\n${server.output()}`);
    if (performance.now() - startedAt > timeoutMs) {
      throw new Error(`No address for ${name} at port ${port}:\n${server.output()}`);
    }
    await new Promise((wait) => setTimeout(wait, 4));
  }
}
