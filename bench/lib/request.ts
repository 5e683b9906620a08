import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { IRunning } from './processes.ts';

/** An answer, read whole. */
export interface IAnswer {
  status: number;
  body: Buffer;
}

/** One request on a connection of its own. */
export function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
): Promise<IAnswer> {
  return new Promise((done, failed) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(
      url,
      {
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
        // The benchmark's own certificate; who signed it is not what is measured.
        rejectUnauthorized: false,
        servername: 'bench.test',
        timeout: 10_000,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          done({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }),
        );
        response.on('error', failed);
      },
    );
    request.on('timeout', () => request.destroy(new Error(`No answer from ${url}`)));
    request.on('error', failed);
    request.end(options.body);
  });
}

/**
 * Asks until the server answers at all, every few milliseconds.
 *
 * @returns the milliseconds since `startedAt` (of `performance.now()`).
 */
export async function waitUntilServing(
  url: string,
  server: IRunning,
  startedAt: number,
  timeoutMs = 60_000,
): Promise<number> {
  for (;;) {
    try {
      await ask(url);
      return performance.now() - startedAt;
    } catch (error) {
      if (server.hasEnded()) throw new Error(`The server ended:\n${server.output()}`);
      if (performance.now() - startedAt > timeoutMs) {
        throw new Error(`No answer from ${url}:\n${server.output()}`, { cause: error });
      }
      await new Promise((done) => setTimeout(done, 4));
    }
  }
}
