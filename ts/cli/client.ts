import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import path from 'node:path';
import type { IProblem } from '../core/errors.ts';
import { type IArguments, UsageError } from './command.ts';

/** Folder of the daemon's data when nothing names another. */
export const dataDirDefault = './dcrouter-data';

const urlDefault = 'http://127.0.0.1:7700';
const timeoutMs = 60_000;

/** A refusal by the management API. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: readonly IProblem[];

  constructor(status: number, code: string, detail: string, problems: readonly IProblem[]) {
    super(detail);
    this.name = 'ApiProblem';
    this.status = status;
    this.code = code;
    this.problems = problems;
  }
}

/** Nobody answers, or not as a router does. */
export class ApiUnreachable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ApiUnreachable';
  }
}

/** Where a management API is, and what opens it. */
export interface IApiTarget {
  url: string;
  token: string;
}

/** A call. */
export interface ICall {
  query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON; bytes as they are, in the form that `contentType` names. */
  body?: unknown;
  /** @default 'application/json' */
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
}

/** What was read, with the tag that a change of it may depend on. */
export interface ITaggedItem<T> {
  item: T;
  /** Empty: it has none. */
  tag: string;
}

/** What was saved. */
export interface ISaved<T> {
  item: T;
  /** It was not there before. */
  created: boolean;
}

/** Speaks to the management API of a router. */
export class ApiClient {
  readonly url: string;
  private readonly token: string;

  constructor(target: IApiTarget) {
    this.url = target.url.replace(/\/+$/, '');
    this.token = target.token;
  }

  /**
   * Calls an operation; `path` is below `/api/v1`.
   * @returns the parsed answer; undefined: it has no body.
   * @throws ApiProblem when it is refused, ApiUnreachable when there is no answer.
   */
  async call<T>(method: string, apiPath: string, call: ICall = {}): Promise<T> {
    const { status, text } = await this.send(method, apiPath, call);
    if (status < 300) return (text === '' ? undefined : parse(text, this.url)) as T;
    throw problemOf(status, text);
  }

  /** The same for a call that makes something, or puts it in place of what was there. */
  async save<T>(method: string, apiPath: string, body: unknown): Promise<ISaved<T>> {
    const { status, text } = await this.send(method, apiPath, { body });
    if (status < 300) return { item: parse(text, this.url) as T, created: status === 201 };
    throw problemOf(status, text);
  }

  /** The same for something that has an entity tag. */
  async tagged<T>(method: string, apiPath: string, call: ICall = {}): Promise<ITaggedItem<T>> {
    const { status, text, tag } = await this.send(method, apiPath, call);
    if (status < 300) return { item: parse(text, this.url) as T, tag };
    throw problemOf(status, text);
  }

  /** The same for a long text, which comes in pieces; `take` may say when it wants the next one. */
  async pieces(
    apiPath: string,
    query: ICall['query'],
    take: (piece: Buffer) => void | Promise<void>,
  ): Promise<void> {
    const { status, text } = await this.send('GET', apiPath, { query }, take);
    if (status >= 300) throw problemOf(status, text);
  }

  /** The same for an answer that is no JSON. */
  async text(apiPath: string, query: ICall['query']): Promise<string> {
    const { status, text } = await this.send('GET', apiPath, { query });
    if (status < 300) return text;
    throw problemOf(status, text);
  }

  /** All items of a list, page after page. */
  async all<T>(apiPath: string, query: ICall['query'] = {}): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const page: { items: T[]; nextCursor?: string | null } = await this.call('GET', apiPath, {
        query: { ...query, limit: 1000, cursor },
      });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  private send(
    method: string,
    apiPath: string,
    { query = {}, body, contentType = 'application/json', headers: given = {} }: ICall,
    take?: (piece: Buffer) => void | Promise<void>,
  ): Promise<{ status: number; text: string; tag: string }> {
    const url = new URL(`${this.url}/api/v1${apiPath}`);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const payload =
      body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const headers = {
      authorization: `Bearer ${this.token}`,
      accept: 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': contentType, 'content-length': payload.length }),
      ...given,
    };
    const { request } = url.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(unreachable(this.url, error));
      const sent = request(url, { method, headers, timeout: timeoutMs }, (response) => {
        const status = response.statusCode ?? 0;
        collect(response, status < 300 ? take : undefined).then(
          (text) => resolve({ status, text, tag: response.headers.etag ?? '' }),
          fail,
        );
      });
      sent.on('error', fail);
      sent.on('timeout', () => sent.destroy(new Error('it does not answer')));
      sent.end(payload);
    });
  }
}

/** All of an answer as text; with `take` in pieces to it, and nothing here. */
async function collect(
  response: AsyncIterable<Buffer>,
  take: ((piece: Buffer) => void | Promise<void>) | undefined,
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    if (take === undefined) chunks.push(chunk);
    else await take(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Finds the router to speak to. The address: `--url`, `DCROUTER_URL`, `api.json` in the data
 * folder, the default port. The token: `--token`, `DCROUTER_TOKEN`, `admin-token` in the data
 * folder. The data folder: `--data-dir`, `DCROUTER_DATA_DIR`, `./dcrouter-data`. The token of the
 * data folder is never sent to another machine.
 *
 * @throws UsageError when there is no token, or the address is none.
 */
export async function findTarget(
  given: IArguments,
  env: Readonly<Record<string, string | undefined>>,
): Promise<IApiTarget> {
  const dataDir = dataDirOf(given, env);
  const named = given.value('url') ?? (env.DCROUTER_URL || undefined);
  const url = checkUrl(named ?? (await addressIn(dataDir)) ?? urlDefault);
  const token = given.value('token') ?? (env.DCROUTER_TOKEN || undefined);
  if (token !== undefined) return { url, token: checkToken(token) };
  if (!isLoopback(url)) {
    throw new UsageError(`Give --token or DCROUTER_TOKEN for "${url}": it is on another machine`);
  }
  return { url, token: checkToken(await tokenIn(dataDir)) };
}

/** The data folder that flags and environment name. */
export function dataDirOf(
  given: IArguments,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return given.value('data-dir') ?? (env.DCROUTER_DATA_DIR || dataDirDefault);
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new UsageError(`"${text}" is no address: it must begin with http:// or https://`);
}

function checkToken(text: string): string {
  if (/^[\w.~+/-]+=*$/.test(text)) return text;
  throw new UsageError(
    'The token is none: it must be one word, as "dcrouter token create" shows it',
  );
}

function isLoopback(url: string): boolean {
  const host = new URL(url).hostname;
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

async function addressIn(dataDir: string): Promise<string | undefined> {
  const text = await readIfThere(path.join(dataDir, 'api.json'));
  if (text === undefined) return undefined;
  const found: unknown = JSON.parse(text);
  const isAddress = typeof found === 'object' && found !== null && 'url' in found;
  return isAddress && typeof found.url === 'string' ? found.url : undefined;
}

async function tokenIn(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'admin-token');
  const text = await readIfThere(file);
  if (text !== undefined) return text.trim();
  throw new UsageError(
    `There is no token: give --token or DCROUTER_TOKEN, or --data-dir with the folder of the router ` +
      `("${file}" is not there)`,
  );
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code !== 'EACCES') throw error;
    throw new UsageError(
      `Cannot read "${file}": run this as the user of the router, or give --token`,
    );
  }
}

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiUnreachable(`"${url}" does not answer as a router does`, error);
  }
}

function problemOf(status: number, text: string): Error {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return new ApiUnreachable(`The answer has status ${status} and is not from a router`, error);
  }
  const { code, detail, problems } = parsed as Partial<Record<string, unknown>>;
  return new ApiProblem(
    status,
    typeof code === 'string' ? code : 'UNKNOWN',
    typeof detail === 'string' ? detail : `The router answered with status ${status}`,
    Array.isArray(problems) ? (problems as IProblem[]) : [],
  );
}

function unreachable(url: string, error: Error): ApiUnreachable {
  const code = 'code' in error ? error.code : undefined;
  const reason =
    code === 'ECONNREFUSED' ? 'nobody listens there. Is the router running?' : error.message;
  return new ApiUnreachable(`Cannot reach the router at "${url}": ${reason}`, error);
}
