import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IApiOptions, ITokenInfo } from '../../ts_interfaces/index.ts';
import { DEFAULT_PORTS } from '../config/defaults.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import { DcError } from '../core/errors.ts';
import { type ILogger, silentLogger } from '../core/logger.ts';
import { apiAddressFile, ensureAdminToken, writePrivateFile } from './admin-token.ts';
import { ApiError } from './api-error.ts';
import { authenticate, authorize } from './authenticate.ts';
import { BadTokenLimiter } from './bad-token-limiter.ts';
import { refuseConnection } from './broken-request.ts';
import type { ControlPlane } from './control.ts';
import { parseTagCondition } from './entity-tag.ts';
import { isOwnHost } from './host-check.ts';
import { parseJson } from './json.ts';
import type { IOperation, IOperationAnswer } from './operation.ts';
import { operations } from './operations/index.ts';
import { basePath } from './operations/shared.ts';
import { type IProblemDetails, refusalOf } from './problem.ts';
import {
  allowsPatch,
  checkBodyHeaders,
  notFound,
  parseQuery,
  publicPaths,
} from './request-check.ts';

/** Limits of the management port, against clients that are slow, many or big. */
export const apiLimits = Object.freeze({
  /** Bytes of a body; above: 413. */
  bodyBytesMax: 1_048_576,
  /** Bytes of request line and headers; above: 431. A URL to explain must fit in. */
  headBytesMax: 32_768,
  headerCountMax: 100,
  /** Open connections; the next ones are closed. */
  connectionsMax: 256,
  /** Milliseconds for a complete head, then 408. */
  headTimeoutMs: 10_000,
  /** Milliseconds for a complete request, then 408. */
  requestTimeoutMs: 30_000,
  /** Milliseconds in which nothing moves on a connection. */
  idleTimeoutMs: 60_000,
  /** Milliseconds between two requests on a connection. */
  keepAliveTimeoutMs: 30_000,
  /** Milliseconds that `stop()` lets open requests end. */
  drainTimeoutMs: 5_000,
});

/** What an `ApiServer` is made of. */
export interface IApiServerParts {
  control: ControlPlane;
  options?: IApiOptions;
  /** Where `admin-token` and `api.json` are written. @default absent: neither is written */
  dataDir?: string;
  /** Bytes of a body. @default apiLimits.bodyBytesMax */
  bodyBytesMax?: number;
  /** @default writes nothing */
  logger?: ILogger;
  /** @default the machine's */
  clock?: IClock;
}

const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * The management port: REST below `/api/v1`, `/healthz` (the process lives) and `/readyz` (it
 * serves requests; 503 before that and while it stops). All but those two need a token and a Host
 * that is an address, `localhost` or one of the options' `hosts`. Whoever starts it stops it.
 */
export class ApiServer {
  private readonly control: ControlPlane;
  private readonly options: IApiOptions;
  private readonly dataDir: string | undefined;
  private hosts: ReadonlySet<string> = new Set();
  private readonly bodyBytesMax: number;
  private readonly logger: ILogger;
  private readonly clock: IClock;
  private readonly limiter: BadTokenLimiter;
  private readonly tokens = new WeakMap<FastifyRequest, ITokenInfo>();
  private server: FastifyInstance | undefined;
  private opened: { address: string; port: number } | undefined;

  constructor(parts: IApiServerParts) {
    this.control = parts.control;
    this.options = parts.options ?? {};
    this.dataDir = parts.dataDir;
    this.answerTo(this.options.hosts);
    this.bodyBytesMax = parts.bodyBytesMax ?? apiLimits.bodyBytesMax;
    this.logger = parts.logger ?? silentLogger;
    this.clock = parts.clock ?? systemClock;
    this.limiter = new BadTokenLimiter(this.clock);
  }

  /** Names under which it is asked, besides addresses and `localhost`; from the next request on. */
  answerTo(hosts: readonly string[] = []): void {
    this.hosts = new Set(hosts.map((host) => host.toLowerCase()));
  }

  /** Where it listens; undefined while it does not. */
  get address(): { address: string; port: number } | undefined {
    return this.opened;
  }

  /** How a program on this machine reaches it; undefined while it does not listen. */
  get url(): string | undefined {
    if (this.opened === undefined) return undefined;
    const { address, port } = this.opened;
    const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  }

  /**
   * Makes the first admin token when there is none, opens the port and writes down where it is.
   * Call it after `control.load()`.
   *
   * @returns where it listens, and the file with the first admin token when it was made now.
   * @throws DcError `LISTEN_FAILED`, `ALREADY_RUNNING`, `STORE_FAILED`; errors of the file system
   */
  async start(): Promise<{ address: string; port: number; adminTokenFile?: string }> {
    if (this.server !== undefined) {
      throw new DcError('ALREADY_RUNNING', 'The management port is open already');
    }
    const { dataDir } = this;
    const adminTokenFile =
      dataDir === undefined ? undefined : await ensureAdminToken(this.control.tokens, dataDir);
    if (adminTokenFile !== undefined) {
      const message = `The first admin token is in "${adminTokenFile}"`;
      this.logger.info('token.bootstrap', message, { file: adminTokenFile });
    }
    const opened = await this.listen();
    if (dataDir !== undefined) {
      const text = `${JSON.stringify({ url: this.url, pid: process.pid })}\n`;
      await writePrivateFile(path.join(dataDir, apiAddressFile), text);
    }
    this.logger.info('api.opened', `The management port listens on ${this.url}`, opened);
    return { ...opened, ...(adminTokenFile === undefined ? {} : { adminTokenFile }) };
  }

  /** Closes the port; open requests may end first. Harmless when it is not open. */
  async stop(): Promise<void> {
    const { server, dataDir } = this;
    if (server === undefined) return;
    this.server = undefined;
    this.opened = undefined;
    const deadline = this.clock.setTimeout(
      () => server.server.closeAllConnections(),
      apiLimits.drainTimeoutMs,
    );
    await server.close();
    deadline.cancel();
    if (dataDir !== undefined) await rm(path.join(dataDir, apiAddressFile), { force: true });
    this.logger.info('api.closed', 'The management port is closed');
  }

  private async listen(): Promise<{ address: string; port: number }> {
    const { address = '127.0.0.1', port = DEFAULT_PORTS.api } = this.options;
    const server = await this.create();
    try {
      await server.listen({ host: address, port });
    } catch (error) {
      await server.close();
      const reason = error instanceof Error ? error.message : String(error);
      throw new DcError(
        'LISTEN_FAILED',
        `Cannot open the management port on "${address}:${port}": ${reason}`,
        { cause: error },
      );
    }
    server.server.maxConnections = apiLimits.connectionsMax;
    const bound = server.server.address();
    this.server = server;
    this.opened = {
      address: typeof bound === 'object' && bound !== null ? bound.address : address,
      port: typeof bound === 'object' && bound !== null ? bound.port : port,
    };
    return this.opened;
  }

  private async create(): Promise<FastifyInstance> {
    // Loaded here: the library and most verbs of the CLI never open the port.
    const { fastify } = await import('fastify');
    const server: FastifyInstance = fastify({
      logger: false,
      bodyLimit: this.bodyBytesMax,
      genReqId: () => randomUUID(),
      http: {
        maxHeaderSize: apiLimits.headBytesMax,
        headersTimeout: apiLimits.headTimeoutMs,
        connectionsCheckingInterval: 2_000,
      },
      requestTimeout: apiLimits.requestTimeoutMs,
      connectionTimeout: apiLimits.idleTimeoutMs,
      keepAliveTimeout: apiLimits.keepAliveTimeoutMs,
      // A name with every character escaped.
      routerOptions: { maxParamLength: 4_096 },
      frameworkErrors: (error, request, reply) => this.refuse(error, request, reply),
      clientErrorHandler: refuseConnection,
    });
    server.server.maxHeadersCount = apiLimits.headerCountMax;
    server.removeAllContentTypeParsers();
    server.addContentTypeParser(
      /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i,
      { parseAs: 'buffer' },
      (_request, body: Buffer, done) => {
        try {
          done(null, body.length === 0 ? undefined : parseJson(body));
        } catch (error) {
          done(error as Error);
        }
      },
    );
    server.addContentTypeParser(
      /^text\/(?:dns|plain)\s*(?:;|$)/i,
      { parseAs: 'buffer' },
      (_request, body: Buffer, done) => done(null, body.length === 0 ? undefined : body),
    );
    server.addHook('onRequest', async (request, reply) => {
      reply.headers({ ...securityHeaders, 'x-request-id': request.id });
      this.admit(request);
    });
    server.setErrorHandler((error, request, reply) => this.refuse(error, request, reply));
    server.setNotFoundHandler((request) => {
      throw notFound(pathOf(request));
    });
    this.addHealth(server);
    for (const operation of operations) this.addOperation(server, operation);
    return server;
  }

  /**
   * What nobody may do without: the right Host and, apart from the health of the process, a token.
   */
  private admit(request: FastifyRequest): void {
    if (publicPaths.has(pathOf(request))) return;
    if (!isOwnHost(request.headers.host, this.hosts)) {
      throw new ApiError(
        'MISDIRECTED',
        'The Host is none of the management port: use its address or "localhost"',
      );
    }
    const { authorization } = request.headers;
    const token = authenticate(this.control.tokens, this.limiter, authorization, request.ip);
    this.tokens.set(request, token);
  }

  private addHealth(server: FastifyInstance): void {
    server.get('/healthz', () => ({ status: 'ok' }));
    server.get('/readyz', (_request, reply) => {
      if (this.control.process.ready()) return { status: 'ready' };
      return reply.status(503).send({ status: 'not ready' });
    });
  }

  private addOperation(server: FastifyInstance, operation: IOperation): void {
    server.route({
      method: operation.method,
      url: basePath + operation.path,
      ...(operation.body?.bytesMax === undefined ? {} : { bodyLimit: operation.body.bytesMax }),
      handler: async (request, reply) => this.run(operation, request, reply),
      onRequest: async (request) => authorize(this.tokenOf(request), operation.scope),
      preParsing: async (request, _reply, payload) => {
        checkBodyHeaders(operation, request.headers);
        return payload;
      },
    });
  }

  private async run(
    operation: IOperation,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { body } = operation;
    if (body !== undefined && body.isOptional !== true && request.body === undefined) {
      const wanted = (body.contentTypes ?? ['application/json'])[0];
      throw new ApiError('REQUEST_INVALID', `This needs a body: ${wanted}`);
    }
    const answer = await operation.handle(this.control, {
      params: request.params as Record<string, string>,
      query: parseQuery(operation, request.query),
      body: request.body,
      precondition: {
        ifMatch: parseTagCondition('If-Match', headerOf(request.raw, 'if-match')),
        ifNoneMatch: parseTagCondition('If-None-Match', headerOf(request.raw, 'if-none-match')),
      },
      token: this.tokenOf(request),
    });
    if (operation.method === 'PATCH' || allowsPatch(operation)) {
      reply.header('accept-patch', 'application/merge-patch+json');
    }
    return send(answer, reply);
  }

  private tokenOf(request: FastifyRequest): ITokenInfo {
    const token = this.tokens.get(request);
    if (token === undefined) throw new Error('A request without a token got past the door');
    return token;
  }

  private refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { details, headers, isOurs } = refusalOf(error, request.id);
    this.note(error, details, isOurs, request);
    return reply
      .status(details.status)
      .headers({ ...securityHeaders, 'x-request-id': request.id, ...headers })
      .type('application/problem+json; charset=utf-8')
      .send(JSON.stringify(details));
  }

  private note(
    error: unknown,
    { status }: IProblemDetails,
    isOurs: boolean,
    request: FastifyRequest,
  ): void {
    const { id: requestId, method, ip: clientIp } = request;
    const data = { requestId, method, path: pathOf(request), status, clientIp };
    if (isOurs) {
      const message = `${method} on the management port failed`;
      this.logger.error('api.failed', message, { ...data, error });
    } else if (status === 401 || status === 403 || status === 429) {
      // A bad token is worth a look; how many lines these make is bounded by the limiter.
      const isBad =
        status === 403 || (status === 401 && request.headers.authorization !== undefined);
      this.logger[isBad ? 'warn' : 'debug']('api.denied', 'A request was denied', data);
    }
  }
}

function send(answer: IOperationAnswer, reply: FastifyReply): FastifyReply {
  const { status, headers = {}, body, contentType = 'application/json; charset=utf-8' } = answer;
  reply.status(status).headers(headers);
  if (body === undefined) return reply.send();
  reply.type(contentType);
  if (isPieces(body)) return reply.send(Readable.from(body));
  return reply.send(JSON.stringify(body));
}

function isPieces(body: unknown): body is AsyncIterable<string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

/** A header; repeated ones joined, which for entity tags means the same. */
function headerOf(message: IncomingMessage, name: string): string | undefined {
  const value = message.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}
