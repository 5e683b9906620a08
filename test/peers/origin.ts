import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { DcRouter } from '../../ts/index.ts';
import type { IDcRouterOptions, IWebOptions } from '../../ts_interfaces/index.ts';

/** What `/inspect` answers about the request that reached the origin. */
export interface IInspection {
  method: string;
  url: string;
  headers: Record<string, string | undefined>;
  bodyBytes: number;
  bodySha256: string;
}

/**
 * Starts an origin server made of Node's own HTTP for the length of a test.
 *
 * - `/inspect` tells what arrived, as an `IInspection`.
 * - `/bytes/N` sends N bytes with a length, in ranges too; `/chunked/N` without one.
 * - `/trailers` ends with a trailer; `/close` ends its body by closing the connection.
 * - `/hints` sends 103 first.
 */
export async function startOrigin(context: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: Error) => response.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = '', size = ''] = (request.url ?? '').split('?')[0]?.split('/').slice(1) ?? [];
  const body = Buffer.alloc(Number(size), 'x');
  switch (path) {
    case 'bytes':
      sendRange(request, response, body);
      break;
    case 'chunked':
      for (let at = 0; at < body.length; at += 1000) response.write(body.subarray(at, at + 1000));
      response.end();
      break;
    case 'trailers':
      response.writeHead(200, { Trailer: 'X-Checksum' });
      response.write('body');
      response.addTrailers({ 'X-Checksum': 'abc' });
      response.end();
      break;
    case 'close':
      response.useChunkedEncodingByDefault = false;
      response.shouldKeepAlive = false;
      response.writeHead(200);
      response.end('until the end');
      break;
    case 'hints':
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('hinted');
      break;
    default:
      await inspect(request, response);
  }
}

function sendRange(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (range === null) {
    response.setHeader('Content-Length', body.length);
    response.end(body);
    return;
  }
  const [from, to] = [Number(range[1]), Number(range[2])];
  response.writeHead(206, {
    'Content-Range': `bytes ${from}-${to}/${body.length}`,
    'Content-Length': to - from + 1,
  });
  response.end(body.subarray(from, to + 1));
}

async function inspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  let bodyBytes = 0;
  for await (const chunk of request) {
    hash.update(chunk as Buffer);
    bodyBytes += (chunk as Buffer).length;
  }
  const inspection: IInspection = {
    method: request.method ?? '',
    url: request.url ?? '',
    headers: request.headers as Record<string, string>,
    bodyBytes,
    bodySha256: hash.digest('hex'),
  };
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(inspection));
}

/** Hash as `/inspect` tells it. */
export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** A DcRouter that runs, and the ports of its entrypoints. */
export interface IStarted {
  router: DcRouter;
  ports: Record<string, number>;
}

/** Starts a DcRouter with one plain entrypoint for the length of a test, and returns its port. */
export async function startRouter(
  context: TestContext,
  backendPort: number,
  web: IWebOptions = {},
): Promise<number> {
  const { ports } = await startRouterWith(context, plainOptions(backendPort, web));
  return ports.http ?? 0;
}

/** One plain entrypoint, and one route for everything, unless `web` says otherwise. */
export function plainOptions(backendPort: number, web: IWebOptions = {}): IDcRouterOptions {
  const backends = [{ hostname: '127.0.0.1', port: backendPort }];
  return {
    web: {
      entrypoints: { http: { address: '127.0.0.1', port: 0 } },
      routes: [{ id: 'all', vHost: '*', backends }],
      ...web,
    },
  };
}

/** Starts a DcRouter for the length of a test. */
export async function startRouterWith(
  context: TestContext,
  options: IDcRouterOptions,
): Promise<IStarted> {
  const router = new DcRouter({ drainTimeoutMs: 0, log: { level: 'error' }, ...options });
  await router.start();
  context.after(() => router.stop());
  const addresses = Object.entries(router.addresses());
  return { router, ports: Object.fromEntries(addresses.map(([name, { port }]) => [name, port])) };
}
