import type { RouteConfig } from '../../ts_interfaces/index.ts';
import { normalizeVHost } from '../config/host-name.ts';
import { ApiError } from './api-error.ts';
import { fitsPath, pathConditions } from './route-conditions.ts';
import type { IRouteView } from './route-view.ts';
import { viewOf } from './route-view.ts';
import type { ControlState } from './state.ts';

/** Routes that an explanation names at most. */
const candidatesMax = 100;

/** A request to explain. */
export interface IExplainQuery {
  /** URL, or a host with a path: `api.example.com/v1?x=1`. */
  url: string;
  /** @default 'GET' */
  method?: string;
  /** By names in lower case. @default none */
  headers?: Readonly<Record<string, string>>;
}

/** A route whose virtual host fits a request. */
export interface ICandidate {
  routeId: string;
  vHost: string;
  /** Whether all its conditions are fulfilled. */
  fits: boolean;
  /** Why it fits, or why it does not. */
  reasons: string[];
}

/** Which route would take a request, and why. */
export interface IExplanation {
  method: string;
  protocol: 'http' | 'https';
  host: string;
  path: string;
  route: IRouteView | null;
  verdict: string;
  candidates: ICandidate[];
  candidatesTotal: number;
}

/**
 * Says which route would take a request and what would become of it, without sending one. The route
 * comes from the live table itself; the reasons are worked out beside it.
 *
 * @throws ApiError `REQUEST_INVALID` (400) for a URL or method that no request can have.
 */
export function explain(state: ControlState, query: IExplainQuery): IExplanation {
  const { protocol, host, path } = parseUrl(query.url);
  const method = parseMethod(query.method ?? 'GET');
  const headers = query.headers ?? {};
  const headerOf = (name: string): string | undefined =>
    Object.hasOwn(headers, name) ? headers[name] : undefined;

  const live = state.router.match(host, method, path, headerOf) ?? undefined;
  const origin = (live && state.routes.get(live.id)?.origin) ?? 'file';
  const route = live === undefined ? null : viewOf(live.config, origin, live);
  const ids = hostsFor(host).flatMap((vHost) => state.index.idsOf(vHost));
  const candidates = ids.slice(0, candidatesMax).flatMap((id) => {
    const config = state.routes.get(id)?.value;
    return config === undefined ? [] : [candidateOf(config, method, path, headerOf)];
  });
  return {
    method,
    protocol,
    host,
    path,
    route,
    verdict: verdictOf(route, protocol, candidates),
    candidates,
    candidatesTotal: ids.length,
  };
}

function parseUrl(text: string): { protocol: 'http' | 'https'; host: string; path: string } {
  const match = /^(?:(https?):\/\/)?([^/?#]*)([^?#]*)/i.exec(text.trim());
  const protocol = match?.[1]?.toLowerCase() === 'https' ? 'https' : 'http';
  const host = normalizeVHost((match?.[2] ?? '').replace(/:\d*$/, ''));
  const path = match?.[3] || '/';
  if (typeof host !== 'string' || host.startsWith('*')) {
    const problem = typeof host === 'string' ? 'Must name one host' : host.problem;
    throw refused('url', `${problem}, e.g. https://api.example.com/v1`, text);
  }
  return { protocol, host, path };
}

function parseMethod(text: string): string {
  if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(text)) return text.toUpperCase();
  throw refused('method', 'Must be a request method', text);
}

function refused(path: string, message: string, value: string): ApiError {
  const problems = [{ path, message, value }];
  return new ApiError('REQUEST_INVALID', `Cannot explain this: ${path}: ${message}`, { problems });
}

/** The virtual hosts that take requests for a host, the most specific first. */
function hostsFor(host: string): string[] {
  const hosts = [host];
  for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
    hosts.push(`*${host.slice(dot)}`);
  }
  return [...hosts, '*'];
}

function candidateOf(
  config: RouteConfig,
  method: string,
  path: string,
  headerOf: (name: string) => string | undefined,
): ICandidate {
  const conditions = [
    pathCondition(config, path),
    methodCondition(config, method),
    ...headerConditions(config, headerOf),
  ].filter((condition) => condition !== undefined);
  const reasons =
    conditions.length === 0
      ? ['it has no conditions but its host']
      : conditions.map(({ reason }) => reason);
  const fits = conditions.every((condition) => condition.fits);
  return { routeId: config.id, vHost: config.vHost, fits, reasons };
}

type TCondition = { fits: boolean; reason: string };

function pathCondition(config: RouteConfig, path: string): TCondition | undefined {
  const paths = pathConditions(config);
  if (paths.length === 0) return undefined;
  const fitting = paths.find((one) => fitsPath(one, path));
  if (fitting !== undefined) {
    return { fits: true, reason: `the path fits ${fitting.type} "${fitting.path || '/'}"` };
  }
  const wanted = paths.slice(0, 5).map((one) => `${one.type} "${one.path || '/'}"`);
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : '';
  return { fits: false, reason: `the path "${path}" fits none of ${wanted.join(', ')}${more}` };
}

function methodCondition(config: RouteConfig, method: string): TCondition | undefined {
  const { methods } = config;
  if (methods === undefined || methods.length === 0) return undefined;
  if (methods.includes(method)) return { fits: true, reason: `the method ${method} is accepted` };
  return { fits: false, reason: `the method ${method} is none of ${methods.join(', ')}` };
}

/** Values are left out of the reasons: they may be secrets. */
function headerConditions(
  config: RouteConfig,
  headerOf: (name: string) => string | undefined,
): TCondition[] {
  return (config.matchHeaders ?? []).map(({ name, value, pattern }) => {
    const actual = headerOf(name.toLowerCase());
    if (actual === undefined) return { fits: false, reason: `the header "${name}" is missing` };
    const fits =
      (value === undefined || actual === value) &&
      (pattern === undefined || new RegExp(pattern).test(actual));
    return { fits, reason: `the header "${name}" ${fits ? 'fits' : 'has another value'}` };
  });
}

function verdictOf(
  route: IRouteView | null,
  protocol: 'http' | 'https',
  candidates: readonly ICandidate[],
): string {
  if (route === null) {
    return candidates.length === 0
      ? '404: no route has a virtual host that fits'
      : '404: routes have the host, but none of them fits in all its conditions';
  }
  const steps: string[] = [`route "${route.id}" takes it`];
  if (route.autoHttps && protocol === 'http') {
    return `${steps[0]} and redirects it to https, where the router has a TLS entrypoint`;
  }
  if (route.auth !== undefined) steps.push(`it must pass ${route.auth.type} authentication`);
  if (route.authProvider !== undefined)
    steps.push(`provider "${route.authProvider}" must allow it`);
  if (route.redirect !== undefined) {
    steps.push(`it is answered with ${route.redirect.status ?? 308} to ${route.redirect.to}`);
    return steps.join('; ');
  }
  const alive = route.backends.filter((backend) => !backend.isDead).length;
  const all = route.backends.length;
  if (alive === 0)
    steps.push(
      `503: ${all === 1 ? 'its backend is dead' : `none of its ${all} backends is alive`}`,
    );
  else if (all === 1) steps.push('it goes to its only backend, which is alive');
  else if (alive === 1) steps.push(`it goes to the one living backend (of ${all})`);
  else steps.push(`${route.strategy} picks one of ${alive} living backends (of ${all})`);
  return steps.join('; ');
}
