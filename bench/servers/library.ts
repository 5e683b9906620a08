/**
 * A proxy made of one of the Node libraries, set up as its readme says for speed: keep-alive to the
 * backends, and the forwarded headers that all proxies of this benchmark set.
 *
 * Usage: node library.ts PACKAGE KEY_FILE CERT_FILE HTTP_PORT,TLS_PORT,BACKEND_URL…
 * A port of 0 is not opened.
 */
import { readFileSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createRequire } from 'node:module';

interface IProxyServer {
  web(request: IncomingMessage, response: ServerResponse): void;
  on(
    event: 'proxyReq',
    listener: (
      request: { setHeader(name: string, value: string): void },
      from: IncomingMessage,
    ) => void,
  ): void;
  on(
    event: 'error',
    listener: (error: Error, from: IncomingMessage, response: ServerResponse) => void,
  ): void;
}

interface IProxyLibrary {
  createProxyServer(options: object): IProxyServer;
}

interface IFastify {
  register(plugin: unknown, options: object): void;
  listen(options: { port: number; host: string }): Promise<string>;
}

const [name = '', keyFile = '', certFile = '', ...sites] = process.argv.slice(2);
const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
const host = '127.0.0.1';

for (const site of sites) {
  const [httpPort = '', tlsPort = '', backend = ''] = site.split(',');
  const serve = name === '@fastify/http-proxy' ? serveWithFastify : serveWithLibrary;
  await serve(Number(httpPort), Number(tlsPort), backend);
}

async function serveWithLibrary(httpPort: number, tlsPort: number, backend: string): Promise<void> {
  const library = load(name) as IProxyLibrary;
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const proxy = library.createProxyServer({ target: backend, agent, xfwd: true });
  proxy.on('proxyReq', (request, from) => {
    request.setHeader('X-Real-IP', from.socket.remoteAddress ?? '');
  });
  proxy.on('error', (_error, _from, response) => {
    if (!response.headersSent) response.writeHead(502);
    response.end();
  });
  const handle = (request: IncomingMessage, response: ServerResponse): void =>
    proxy.web(request, response);
  createServer(handle).listen(httpPort, host);
  if (tlsPort !== 0) createTlsServer(tls, handle).listen(tlsPort, host);
}

async function serveWithFastify(httpPort: number, tlsPort: number, backend: string): Promise<void> {
  const fastify = load('fastify') as (options: object) => IFastify;
  const plugin = load(name);
  const options = (protocol: string): object => ({
    upstream: backend,
    undici: { connections: 128, pipelining: 1, keepAliveTimeout: 60_000 },
    replyOptions: {
      rewriteRequestHeaders: (
        request: { ip: string; headers: { host?: string } },
        { connection: _connection, ...headers }: Record<string, string>,
      ) => ({
        ...headers,
        host: request.headers.host,
        'x-forwarded-for': request.ip,
        'x-real-ip': request.ip,
        'x-forwarded-proto': protocol,
      }),
    },
  });
  for (const [port, https] of [
    [httpPort, null],
    [tlsPort, tls],
  ] as const) {
    if (port === 0) continue;
    const server = fastify({ logger: false, ...(https === null ? {} : { https }) });
    server.register(plugin, options(https === null ? 'http' : 'https'));
    await server.listen({ port, host });
  }
}

/** Untyped, so that type checks do not need the libraries to be installed. */
function load(specifier: string): unknown {
  return createRequire(import.meta.url)(specifier);
}
