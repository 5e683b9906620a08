import type { TRouteInput } from '../../ts_interfaces/index.ts';
import type { IRouteView } from '../api/route-view.ts';
import { parseBackendFlag } from './backend-flag.ts';
import { type IArguments, type IContext, type TCommandRun, UsageError } from './command.ts';
import { readDataFile } from './data-file.ts';
import { type Output, savedLine, type TCell } from './output.ts';

/** `dcrouter route list` */
export const list: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const query = { vHost: given.value('host'), q: given.value('search') };
  const routes = await api.all<IRouteView>('/routes', query);
  output.show(routes, () => {
    if (routes.length === 0) return ['There are no routes'];
    const rows = routes.map((route) => [
      route.id,
      route.vHost,
      conditions(route),
      target(route),
      health(route),
      route.origin,
    ]);
    return output.table(['ID', 'HOST', 'CONDITIONS', 'TARGET', 'ALIVE', 'ORIGIN'], rows);
  });
  return 0;
};

/** `dcrouter route show ROUTE` */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const route = await api.call<IRouteView>('GET', `/routes/${segment(given)}`);
  output.show(route, () => routeLines(route, output));
  return 0;
};

/** `dcrouter route add` */
export const add: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const route = await routeOf(context);
  const api = await client();
  const replace = given.has('replace') && typeof route.id === 'string';
  const { item, created } = replace
    ? await api.save<IRouteView>('PUT', `/routes/${encodeURIComponent(route.id)}`, route)
    : await api.save<IRouteView>('POST', '/routes', route);
  output.show(item, () => [savedLine(output, created, `${item.id} (${item.vHost})`)]);
  return 0;
};

/** `dcrouter route remove ROUTE` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  await api.call('DELETE', `/routes/${segment(given)}`);
  const [removed = ''] = given.positionals;
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** A route for people, with its backends as a table. */
export function routeLines(route: IRouteView, output: Output): string[] {
  const { id, vHost, strategy, origin, backends } = route;
  const lines = output.pairs([
    ['Route', { text: id, style: 'bold' }],
    ['Host', vHost],
    ['Conditions', conditions(route)],
    ['Strategy', strategy],
    ['Origin', origin],
    ...(route.redirect === undefined ? [] : [['Redirect', route.redirect.to] as const]),
    ...(route.auth === undefined ? [] : [['Authentication', route.auth.type] as const]),
    ...(route.authProvider === undefined
      ? []
      : [['Authentication', `provider ${route.authProvider}`] as const]),
    ['Automatic HTTPS', route.autoHttps ? 'yes' : 'no'],
  ]);
  if (backends.length === 0) return lines;
  const rows = backends.map((backend): TCell[] => [
    backend.id,
    backend.socketPath === undefined
      ? `${backend.tls === undefined ? '' : 'https://'}${placeOf(backend)}`
      : `unix:${backend.socketPath}`,
    String(backend.weight ?? 1),
    stateOf(backend),
    String(backend.failureCount),
  ]);
  return [
    ...lines,
    '',
    ...output.table(['BACKEND', 'ADDRESS', 'WEIGHT', 'STATE', 'FAILURES'], rows),
  ];
}

async function routeOf({ arguments: given, terminal }: IContext): Promise<TRouteInput> {
  const file = given.value('file');
  if (file === undefined) return routeOfFlags(given);
  const other = ['id', 'host', 'backend', 'strategy', 'path', 'method', 'strip-prefix', 'redirect'];
  const extra = [...other, 'auto-https'].find((name) => given.has(name));
  if (extra !== undefined) throw new UsageError(`--${extra} cannot stand beside --file`);
  const data = await readDataFile(file, terminal);
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as TRouteInput;
  throw new UsageError(`"${file}" must hold one route`);
}

function routeOfFlags(given: IArguments): TRouteInput {
  const host = given.value('host');
  if (host === undefined)
    throw new UsageError('--host is missing (or --file with the whole route)');
  const backends = given.values('backend').map(parseBackendFlag);
  const redirect = given.value('redirect');
  if (backends.length === 0 && redirect === undefined) {
    throw new UsageError('--backend HOST:PORT (or --redirect URL) is missing');
  }
  const strategy = given.value('strategy') as TRouteInput['strategy'];
  const paths = [...given.values('path')];
  const methods = given.values('method').map((method) => method.toUpperCase());
  const stripPrefix = given.value('strip-prefix');
  return {
    id: given.value('id') ?? host,
    vHost: host,
    ...(strategy === undefined ? {} : { strategy }),
    ...(paths.length === 0 ? {} : { paths }),
    ...(methods.length === 0 ? {} : { methods }),
    ...(stripPrefix === undefined ? {} : { stripPrefix }),
    ...(redirect === undefined ? {} : { redirect: { to: redirect } }),
    ...(given.has('auto-https') ? { autoHttps: true } : {}),
    backends,
  };
}

function segment(given: IArguments): string {
  return encodeURIComponent(given.positionals[0] ?? '');
}

function conditions({ paths = [], methods = [], matchHeaders = [], priority }: IRouteView): string {
  const texts = paths.map((path) => {
    if (typeof path === 'string') return `${path}*`;
    return path.type === 'prefix' ? `${path.path}*` : path.path;
  });
  const parts = [
    texts.slice(0, 3).join(' ') + (texts.length > 3 ? ` +${texts.length - 3}` : ''),
    methods.join('|'),
    matchHeaders.map(({ name }) => `${name}:`).join(' '),
    priority === undefined || priority === 0 ? '' : `priority ${priority}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '-' : parts.join(' ');
}

function target({ redirect, backends }: IRouteView): string {
  if (redirect !== undefined) return `→ ${redirect.to}`;
  const [first] = backends;
  if (first === undefined) return '-';
  const more = backends.length > 1 ? ` +${backends.length - 1}` : '';
  return `${first.socketPath ?? placeOf(first)}${more}`;
}

/** Port 0 is that of SRV records. */
function placeOf({ hostname, port }: { hostname: string; port: number }): string {
  return port === 0 ? hostname : `${hostname}:${port}`;
}

function health({ backends }: IRouteView): TCell {
  if (backends.length === 0) return '-';
  const alive = backends.filter(({ isDead }) => !isDead).length;
  const style = alive === backends.length ? 'green' : alive === 0 ? 'red' : 'yellow';
  return { text: `${alive}/${backends.length}`, style };
}

function stateOf(backend: IRouteView['backends'][number]): TCell {
  if (backend.maintenance) return { text: 'maintenance', style: 'yellow' };
  return backend.isDead ? { text: 'dead', style: 'red' } : { text: 'alive', style: 'green' };
}
