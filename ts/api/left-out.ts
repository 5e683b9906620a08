import type { IWebOptions, RouteConfig } from '../../ts_interfaces/index.ts';
import { readConditions } from '../config/item-problems.ts';
import type { IProblem } from '../core/errors.ts';
import type { TLogEvent } from '../core/log-event.ts';
import type { ILogger } from '../core/logger.ts';
import { sameConditions } from './route-conditions.ts';
import type { ILiveRoute } from './types.ts';

/** Items of a configuration that are not served, because something is wrong with them. */
export interface ILeftOut {
  /** What is wrong. */
  problems: readonly IProblem[];
  /** Routes that could not even be read, as they were given. */
  unread: readonly unknown[];
}

/** What is served. */
export interface ILiveRoutes {
  route(id: string): ILiveRoute | undefined;
  routes(): Iterable<ILiveRoute>;
}

/**
 * The routes whose requests must not go to a less specific one, which may lack their access control:
 * those that were left out, as far as their conditions are known.
 *
 * @param routes of the configuration, as they were read.
 */
export function routesToBlock(
  { problems, unread }: ILeftOut,
  routes: readonly RouteConfig[],
  live: ILiveRoutes,
): RouteConfig[] {
  if (problems.length === 0) return [];
  // The API may have removed some routes: those are no failures.
  const failed = routes.filter(({ id }) => {
    const prefix = `web.routes[${id}]`;
    return (
      live.route(id) === undefined && problems.some((problem) => problem.path.startsWith(prefix))
    );
  });
  const blocked = new Set([...unread.flatMap((given) => readConditions(given) ?? []), ...failed]);
  if (blocked.size === 0) return [];
  // A second route with the same conditions is left out because the first one has the requests.
  for (const { config } of live.routes()) {
    for (const one of blocked) if (sameConditions(one, config)) blocked.delete(one);
  }
  return [...blocked];
}

const leftOutEvents: Readonly<Record<string, TLogEvent>> = {
  certificates: 'certificate.disabled',
  'web.routes': 'route.disabled',
  tcp: 'tcp.disabled',
  'access.lists': 'access.disabled',
  limits: 'limit.disabled',
  'dns.zones': 'zone.disabled',
};

/** Logs each problem with its place. */
export function logProblems(problems: readonly IProblem[], logger: ILogger): void {
  for (const problem of problems) {
    const { path, message, file = 'line', line } = problem;
    const where = line === undefined ? path : `${path} (${file}:${line})`;
    const [part = ''] =
      /^(certificates|web\.routes|tcp|access\.lists|limits|dns\.zones)\b/.exec(path) ?? [];
    const event = leftOutEvents[part];
    if (event === undefined) logger.warn('config.warning', `${where}: ${message}`, { problem });
    else logger.error(event, `Left out: ${where}: ${message}`, { problem });
  }
}

/**
 * What was left out at the start, and default certificates that are missing now.
 *
 * @param find the certificate of a domain.
 */
export function currentProblems(
  { problems }: ILeftOut,
  { entrypoints = {} }: IWebOptions,
  find: (domain: string) => unknown,
): IProblem[] {
  const isOfDefault = /^web\.entrypoints\..*\.defaultCertificate$/;
  const missing = Object.entries(entrypoints).flatMap(([name, { tls }]) => {
    const domain = typeof tls === 'object' ? tls.defaultCertificate : undefined;
    if (domain === undefined || find(domain) !== undefined) return [];
    const message =
      'There is no certificate for this domain: clients that name no host are refused';
    const path = `web.entrypoints.${name}.tls.defaultCertificate`;
    return [problems.find((known) => known.path === path) ?? { path, message, value: domain }];
  });
  return [...problems.filter((problem) => !isOfDefault.test(problem.path)), ...missing];
}
