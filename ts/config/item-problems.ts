import type { RouteConfig } from '../../ts_interfaces/data/route.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { ILoadedConfig } from './file.ts';
import { parseRoute } from './parse.ts';
import { formatPath, valueAt } from './path.ts';
import { isObject } from './schema-object.ts';
import { problemOf } from './source.ts';
import { zoneIdOf } from './zone-ids.ts';

/** The items of a configuration, in the order of the file. */
export interface IConfigItems {
  routes: readonly { id: string }[];
  tcp?: readonly { id: string }[];
  zones?: readonly { name: string; view?: string }[];
  certificates: readonly { domain: string }[];
}

/**
 * Gives problems that were found when single items were compiled the place that the item has:
 * `routes[a].ssl.cert` becomes `web.routes[3].ssl.cert` with its line, or `web.routes[a].ssl.cert`
 * when there is no file. A problem that has a place in another file, as of a master file, keeps it.
 */
export function placeProblems(
  problems: readonly IProblem[],
  items: IConfigItems,
  file: ILoadedConfig | null,
): IProblem[] {
  if (problems.length === 0) return [];
  const isSingle = isObject(valueAt(file?.value, ['tcp']));
  const places = placesOf(items, isSingle);
  return problems.map((problem) => {
    const prefix = prefixIn(places, problem.path);
    const item = places.get(prefix);
    if (item === undefined) return problem;
    const { message } = problem;
    if (file === null) {
      const plane = item[0] === 'web' || item[0] === 'dns' ? `${item[0]}.` : '';
      return { ...problem, path: plane + problem.path };
    }
    const rest = problem.path.slice(prefix.length).match(/[^.[\]]+/g) ?? [];
    const steps = rest.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
    const path = [...item, ...steps];
    // A line of a file that the configuration names, e.g. of a master file, is the better place.
    if (problem.file !== undefined) return { ...problem, path: formatPath(path) };
    const { line } = problem;
    const text = line === undefined ? message : `Line ${line} of it: ${message}`;
    return problemOf({ path, at: 'value' as const, message: text }, file.value, file.source);
  });
}

/** Refuses a configuration that has problems. @throws DcError `CONFIG_INVALID` when there are any. */
export function refuseProblems(problems: readonly IProblem[]): void {
  if (problems.length === 0) return;
  const count = problems.length === 1 ? 'it has a problem' : `it has ${problems.length} problems`;
  throw new DcError('CONFIG_INVALID', `Cannot use the configuration: ${count}`, { problems });
}

/** Both lists; a problem that is in the first one already is there once. */
export function joinProblems(known: readonly IProblem[], found: readonly IProblem[]): IProblem[] {
  const isNew = ({ path, message }: IProblem) =>
    !known.some((one) => one.path === path && one.message === message);
  return [...known, ...found.filter(isNew)];
}

/**
 * What can be read of a route that is refused: its host, and its conditions if they are right.
 * Nothing when the host cannot be read.
 */
export function readConditions(given: unknown): RouteConfig | undefined {
  const { id, vHost, paths, methods, matchHeaders, priority } = Object(given);
  const name = typeof id === 'string' ? id : '(without id)';
  const redirect = { to: '/' };
  return (
    tryRoute({ id: name, vHost, paths, methods, matchHeaders, priority, redirect }) ??
    tryRoute({ id: name, vHost, redirect })
  );
}

function tryRoute(input: unknown): RouteConfig | undefined {
  try {
    return parseRoute(input);
  } catch (error) {
    if (error instanceof DcError) return undefined;
    throw error;
  }
}

/** @param isSingle whether the only TCP entry stands without a list around it. */
function placesOf(
  { routes, tcp = [], zones = [], certificates }: IConfigItems,
  isSingle: boolean,
): Map<string, (string | number)[]> {
  const places = new Map<string, (string | number)[]>();
  routes.forEach(({ id }, index) => {
    places.set(`routes[${id}]`, ['web', 'routes', index]);
  });
  tcp.forEach(({ id }, index) => {
    places.set(`tcp[${id}]`, isSingle ? ['tcp'] : ['tcp', index]);
  });
  zones.forEach((zone, index) => {
    places.set(`zones[${zoneIdOf(zone)}]`, ['dns', 'zones', index]);
  });
  certificates.forEach(({ domain }, index) => {
    places.set(`certificates[${domain}]`, ['certificates', index]);
  });
  return places;
}

/** The item that a path leads into; its id may have brackets of its own. */
function prefixIn(places: ReadonlyMap<string, unknown>, path: string): string {
  for (let end = path.indexOf(']'); end !== -1; end = path.indexOf(']', end + 1)) {
    const prefix = path.slice(0, end + 1);
    if (places.has(prefix)) return prefix;
  }
  return '';
}
