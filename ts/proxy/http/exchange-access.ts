import type {
  IAuthRequest,
  IAuthVerdict,
  IHeaderChanges,
  IHooks,
  IRequestHookContext,
} from '../../../ts_interfaces/index.ts';
import type { ILogger } from '../../core/logger.ts';
import { isOwnHeader } from '../access/verdict.ts';
import type { Route } from '../route.ts';
import type { ExchangeState } from './exchange-state.ts';
import { changeLines, compileChanges } from './field-lines.ts';
import { fieldId } from './field-names.ts';
import type { RequestHead } from './request-head.ts';

/** What auth providers and hooks see of a request. */
function authRequestOf(exchange: ExchangeState, head: RequestHead): IAuthRequest {
  const { fields } = head;
  const headers: Record<string, string> = Object.create(null);
  for (let index = 0; index < fields.count; index++) {
    const name = fields.name(index).toLowerCase();
    const separator = name === 'cookie' ? '; ' : ', ';
    const before = headers[name];
    headers[name] =
      before === undefined ? fields.value(index) : before + separator + fields.value(index);
  }
  return {
    id: exchange.id,
    method: exchange.method,
    uri: exchange.uri,
    host: exchange.authority,
    protocol: exchange.protocol,
    clientIp: exchange.clientIp,
    routeId: (exchange.route as Route).id,
    headers,
  };
}

/**
 * Asks the route's auth and then `hooks.onRequest`; `head` is valid for this call only.
 *
 * @param onPass called when the request may go on, with its changed headers made.
 * @param onRefusal called with the answer to give instead; `failed` is what a hook threw.
 */
export function checkAccess(
  exchange: ExchangeState,
  head: RequestHead,
  onPass: (changes: IHeaderChanges) => void,
  onRefusal: (answer: Partial<IAuthVerdict>, failed?: unknown) => void,
): void {
  const { access } = exchange.route as Route;
  const hook = exchange.connection.engine.settings.hooks?.onRequest;
  const request = authRequestOf(exchange, head);
  const { fields } = head;
  const credentials = fields.has(fieldId.authorization)
    ? fields.first(fieldId.authorization)
    : undefined;
  const runHook = (given: IHeaderChanges) => {
    if (hook === undefined) return onPass(given);
    runRequestHook(hook, request, ({ changes, answer, failed }) => {
      if (failed !== null) return onRefusal({ status: 500 }, failed);
      if (answer !== null) return onRefusal(answer);
      onPass({
        remove: [...(given.remove ?? []), ...(changes.remove ?? [])],
        set: { ...given.set, ...changes.set },
      });
    });
  };
  const onVerdict = (verdict: IAuthVerdict) => {
    if (!verdict.allow) return onRefusal({ status: 401, ...verdict });
    // What the provider could set must not come from the client instead.
    runHook({ remove: verdict.removeHeaders, set: verdict.headers });
  };
  if (access === null) return runHook({});
  const verdict = access.check(request, credentials);
  if (!(verdict instanceof Promise)) return onVerdict(verdict);
  verdict.then(onVerdict).catch((error: unknown) => onRefusal({ status: 500 }, error));
}

/** An answer given by a hook or an auth provider in place of the backend's. */
interface IHookAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** What a request hook did. */
interface IHookOutcome {
  changes: IHeaderChanges;
  answer: IHookAnswer | null;
  /** What it threw; null: it did not. */
  failed: unknown;
}

/** Runs `hooks.onRequest`; `done` is called once, at once when the hook is synchronous. */
function runRequestHook(
  hook: NonNullable<IHooks['onRequest']>,
  request: IAuthRequest,
  done: (outcome: IHookOutcome) => void,
): void {
  const set: Record<string, string> = {};
  const remove: string[] = [];
  const outcome: IHookOutcome = { changes: { set, remove }, answer: null, failed: null };
  const context: IRequestHookContext = {
    ...request,
    header: (name) => request.headers[name.toLowerCase()],
    // What cannot be done is the hook's error, not that of whoever does it later.
    setHeader: (name, value) => {
      checkChange({ set: { [name]: value } }, name);
      set[name] = value;
    },
    removeHeader: (name) => {
      checkChange({ remove: [name] }, name);
      remove.push(name);
    },
    respond: (status, headers, body) => {
      if (!Number.isInteger(status) || status < 200 || status > 599) {
        throw new RangeError(`Cannot respond with status "${status}"`);
      }
      refusalLines({ headers });
      outcome.answer = { status, headers, body };
    },
  };
  const fail = (error: unknown) => done({ ...outcome, failed: error ?? new Error('hook failed') });
  let result: void | Promise<void>;
  try {
    result = hook(context);
  } catch (error) {
    return fail(error);
  }
  if (result instanceof Promise) result.then(() => done(outcome), fail);
  else done(outcome);
}

/** Throws for a change that cannot be made, or that would break the message's framing. */
function checkChange(changes: IHeaderChanges, name: string): void {
  compileChanges(changes);
  if (isOwnHeader(name.toLowerCase())) {
    throw new TypeError(`Cannot change "${name}": the router sets it`);
  }
}

/** Lets `hooks.onResponse` change a response's field lines. */
export function responseHookLines(
  hook: NonNullable<IHooks['onResponse']>,
  exchange: ExchangeState,
  status: number,
  lines: string,
  logger: ILogger,
): string {
  let changed = lines;
  const routeId = (exchange.route as Route).id;
  try {
    hook({
      id: exchange.id,
      routeId,
      status,
      header: (name) => valueIn(changed, name),
      setHeader: (name, value) => {
        checkChange({ set: { [name]: value } }, name);
        changed = withChanges(changed, { set: { [name]: value } });
      },
      removeHeader: (name) => {
        checkChange({ remove: [name] }, name);
        changed = withChanges(changed, { remove: [name] });
      },
    });
    return changed;
  } catch (error) {
    logger.error('hook.failed', 'A response hook failed', { id: exchange.id, routeId, error });
    return lines;
  }
}

function withChanges(lines: string, changes: IHeaderChanges): string {
  const compiled = compileChanges(changes);
  return compiled === null ? lines : changeLines(lines, compiled);
}

function valueIn(lines: string, name: string): string | undefined {
  const prefix = `${name.toLowerCase()}: `;
  const values = lines
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length));
  return values.length === 0 ? undefined : values.join(', ');
}

/** Headers of a refusal as field lines; those of the framing are ours. */
export function refusalLines({ headers = {}, setCookies = [] }: Partial<IAuthVerdict>): string {
  const own = /^(content-length|transfer-encoding|connection|date)$/i;
  const given = Object.entries(headers).filter(([name]) => !own.test(name));
  const lines = compileChanges({ add: Object.fromEntries(given) })?.lines ?? '';
  const cookies = setCookies.map((add) => compileChanges({ add: { 'Set-Cookie': add } })?.lines);
  return lines + cookies.join('');
}
