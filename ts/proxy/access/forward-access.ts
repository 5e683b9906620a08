import { createHash } from 'node:crypto';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestByHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestByHttps } from 'node:https';
import type {
  IAuthRequest,
  IAuthVerdict,
  IForwardAuthOptions,
} from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { BUSY, type IAccess } from './access.ts';
import { pickHeaders, questionHeaders, questionKey, refusalHeaders } from './forward-headers.ts';
import type { Outage } from './outage.ts';
import { RecentMap } from './recent-map.ts';
import { isOwnHeader } from './verdict.ts';

const TIMEOUT_MS = 5000;

/** Questions that are open at once; the next request gets 503. */
const QUESTIONS_MAX = 1024;
const SOCKETS_MAX = 128;
const IDLE_SOCKETS_MAX = 16;
const IDLE_SOCKET_MS = 15_000;

/** A refusal with a longer body is passed on without it. */
const BODY_BYTES_MAX = 65_536;

const REMEMBERED_MAX = 10_000;

const BAD_REQUEST: IAuthVerdict = Object.freeze({ allow: false, status: 400 });

/**
 * Asks an HTTP service about each request: 2xx lets it pass, any other answer is the client's. If
 * it cannot be reached, is late or breaks the protocol: 503. Owns its connections: `close()` it.
 */
export class ForwardAccess implements IAccess {
  public readonly options: IForwardAuthOptions;
  private readonly clock: IClock;
  private readonly outage: Outage;
  private readonly url: URL;
  private readonly agent: HttpAgent;
  private readonly wantedHeaders: readonly string[];
  private readonly remembered: RecentMap<IAuthVerdict> | null;
  private questions = 0;

  /** @throws TypeError when the URL is none of http or https. */
  constructor(options: IForwardAuthOptions, clock: IClock, outage: Outage) {
    this.options = options;
    this.clock = clock;
    this.outage = outage;
    this.url = new URL(options.url);
    if (this.url.protocol !== 'http:' && this.url.protocol !== 'https:') {
      throw new TypeError(`"${options.url}" is no http:// or https:// URL`);
    }
    const limits = {
      keepAlive: true,
      maxSockets: SOCKETS_MAX,
      maxFreeSockets: IDLE_SOCKETS_MAX,
      timeout: Math.max(IDLE_SOCKET_MS, options.timeoutMs ?? TIMEOUT_MS),
    };
    this.agent = this.url.protocol === 'https:' ? new HttpsAgent(limits) : new HttpAgent(limits);
    const names = (options.responseHeaders ?? []).map((name) => name.toLowerCase());
    this.wantedHeaders = names.filter((name) => !isOwnHeader(name));
    const cacheMs = options.cacheMs ?? 0;
    this.remembered = cacheMs > 0 ? new RecentMap(REMEMBERED_MAX, cacheMs, clock) : null;
  }

  check(request: IAuthRequest): IAuthVerdict | Promise<IAuthVerdict> {
    const headers = questionHeaders(request);
    if (this.remembered === null) return this.ask(headers);
    const key = createHash('sha256').update(questionKey(headers)).digest('base64');
    const known = this.remembered.get(key);
    if (known !== undefined) return known;
    return this.ask(headers).then((verdict) => {
      if (verdict.allow) this.remembered?.set(key, verdict);
      return verdict;
    });
  }

  /** Ends all connections; questions that are open are answered with 503. */
  close(): void {
    this.agent.destroy();
  }

  private async ask(headers: Record<string, string>): Promise<IAuthVerdict> {
    if (this.questions >= QUESTIONS_MAX) return BUSY;
    this.questions++;
    try {
      const verdict = await this.send(headers, this.options.timeoutMs ?? TIMEOUT_MS);
      this.outage.worked();
      return verdict;
    } catch (error) {
      return isBadHeader(error) ? BAD_REQUEST : this.outage.failed(error);
    } finally {
      this.questions--;
    }
  }

  private send(headers: Record<string, string>, timeoutMs: number): Promise<IAuthVerdict> {
    return new Promise((resolve, reject) => {
      let request: ClientRequest | undefined;
      const timer = this.clock.setTimeout(() => {
        const error = new DcError('AUTH_PROVIDER_DOWN', `No answer within ${timeoutMs} ms`);
        request?.destroy(error);
      }, timeoutMs);
      const failed = (error: unknown) => {
        timer.cancel();
        reject(error);
      };
      const begin = (isRepeated: boolean) => {
        const current = this.open(headers);
        request = current;
        current.on('response', (response) => {
          response.on('close', () => timer.cancel());
          resolve(this.answerOf(response));
        });
        current.on('error', (error) => {
          // The service closed an idle connection just as it was taken: that says nothing about it.
          if (current.reusedSocket && !isRepeated && isReset(error)) begin(true);
          else failed(error);
        });
        current.end();
      };
      try {
        begin(false);
      } catch (error) {
        failed(error);
      }
    });
  }

  private open(headers: Record<string, string>): ClientRequest {
    const start = this.url.protocol === 'https:' ? requestByHttps : requestByHttp;
    return start(this.url, { method: 'GET', headers, agent: this.agent });
  }

  private answerOf(response: IncomingMessage): IAuthVerdict | Promise<IAuthVerdict> {
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      // Read to its end, within limits, so that the connection can be used again.
      void bodyOf(response);
      return { allow: true, ...pickHeaders(response.headers, this.wantedHeaders) };
    }
    return bodyOf(response).then((body) => ({
      allow: false,
      status,
      headers: refusalHeaders(response.headers),
      setCookies: response.headers['set-cookie'] ?? [],
      body,
    }));
  }
}

/** The body as text; empty when it is too long or breaks off, since the status says enough. */
function bodyOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= BODY_BYTES_MAX) return;
      resolve('');
      response.destroy();
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    response.on('error', () => resolve(''));
    response.on('close', () => resolve(''));
  });
}

/** The client's header cannot be sent on; the provider is not to blame. */
function isBadHeader(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && error.code === 'ERR_INVALID_CHAR';
}

function isReset(error: Error & { code?: string }): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
