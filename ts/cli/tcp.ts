import type {
  Backend,
  IDomainConfig,
  IPortProxySettings,
  ITcpAction,
  ITcpEntryInfo,
  TDomainConfigInput,
  TPortProxyInput,
  TTcpTarget,
  TToPort,
} from '../../ts_interfaces/index.ts';
import { isPortRange, readPortRange, spellRange } from '../config/port-range.ts';
import { spellPlace } from '../net/ip.ts';
import { parseBackendFlag } from './backend-flag.ts';
import { type IArguments, type IContext, type TCommandRun, UsageError } from './command.ts';
import { readDataFile } from './data-file.ts';
import { amount, bytes } from './format.ts';
import { type Output, savedLine, type TCell } from './output.ts';

/** `dcrouter tcp list` */
export const list: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const entries = await api.all<ITcpEntryInfo>('/tcp');
  output.show(entries, () => {
    return entries.length === 0 ? ['There are no TCP entries'] : entryTable(entries, output);
  });
  return 0;
};

/** `dcrouter tcp show ENTRY` */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const entry = await api.call<ITcpEntryInfo>('GET', `/tcp/${segment(given)}`);
  output.show(entry, () => entryLines(entry, output));
  return 0;
};

/** `dcrouter tcp add` */
export const add: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const entry = await inputOf(context, entryFlags, 'entry', entryOfFlags);
  const api = await client();
  const { item, created } =
    given.has('replace') && typeof entry.id === 'string'
      ? await api.save<ITcpEntryInfo>('PUT', `/tcp/${encodeURIComponent(entry.id)}`, entry)
      : await api.save<ITcpEntryInfo>('POST', '/tcp', entry);
  output.show(item, () => [
    savedLine(output, created, item.id),
    ...item.listening.slice(0, 10).map(({ address, port }) => `  ${spellPlace(address, port)}`),
  ]);
  return 0;
};

/** `dcrouter tcp remove ENTRY` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  await api.call('DELETE', `/tcp/${segment(given)}`);
  const [removed = ''] = given.positionals;
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** `dcrouter tcp domain list ENTRY` */
export const listDomains: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const path = `/tcp/${segment(given)}/domains`;
  const { items } = await api.call<{ items: IDomainConfig[] }>('GET', path);
  output.show(items, () => {
    return items.length === 0 ? ['There are no domain configs'] : domainTable(items, output);
  });
  return 0;
};

/** `dcrouter tcp domain add ENTRY [DOMAIN...]` */
export const addDomain: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const config = await inputOf(context, domainFlags, 'domain config', domainOfFlags);
  const api = await client();
  const path = `/tcp/${segment(given)}/domains`;
  const name = config.id ?? config.domains?.[0] ?? config.protocol;
  const { item, created } =
    given.has('replace') && name !== undefined
      ? await api.save<IDomainConfig>('PUT', `${path}/${encodeURIComponent(name)}`, config)
      : await api.save<IDomainConfig>('POST', path, config);
  output.show(item, () => [savedLine(output, created, item.id ?? '')]);
  return 0;
};

/** `dcrouter tcp domain remove ENTRY DOMAIN` */
export const removeDomain: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const [, removed = ''] = given.positionals;
  await api.call('DELETE', `/tcp/${segment(given)}/domains/${encodeURIComponent(removed)}`);
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** `dcrouter tcp range add ENTRY PORTS` */
export const addRange: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const [, ports = ''] = given.positionals;
  const path = `/tcp/${segment(given)}/ranges`;
  const range = await api.call<{ from: number; to: number }>('POST', path, { body: ports });
  output.show(range, () => [savedLine(output, true, spellRange(range))]);
  return 0;
};

/** `dcrouter tcp range remove ENTRY PORTS` */
export const removeRange: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const [, removed = ''] = given.positionals;
  await api.call('DELETE', `/tcp/${segment(given)}/ranges/${encodeURIComponent(removed)}`);
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** Entries as a table, and below it why those are not forwarded as asked that are not. */
export function entryTable(entries: readonly ITcpEntryInfo[], output: Output): string[] {
  const rows = entries.map((entry): TCell[] => [
    entry.id,
    entry.protocol ?? 'tcp',
    portsOf(entry),
    targetOf(entry),
    aliveOf(entry),
    amount(entry.stats.open),
    stateOf(entry),
    entry.origin,
  ]);
  const head = ['ID', 'PROTOCOL', 'PORTS', 'TARGET', 'ALIVE', 'OPEN', 'STATE', 'ORIGIN'];
  const reasons = entries.flatMap(({ id, reason }) =>
    reason === undefined ? [] : [`${id}: ${reason}`],
  );
  return [...output.table(head, rows), ...(reasons.length === 0 ? [] : ['', ...reasons])];
}

function entryLines(entry: ITcpEntryInfo, output: Output): string[] {
  const { stats, endpoints, domainConfigs = [] } = entry;
  const lines = output.pairs([
    ['Entry', { text: entry.id, style: 'bold' }],
    ['Protocol', entry.protocol ?? 'tcp'],
    ['Ports', portsOf(entry)],
    ['Target', targetOf(entry)],
    ['State', stateOf(entry)],
    ...(entry.reason === undefined ? [] : [['Reason', entry.reason] as const]),
    ['Origin', entry.origin],
    [
      'Connections',
      `${amount(stats.open)} open, ${amount(stats.total)} in all, ` +
        `${amount(stats.refused)} refused, ${amount(stats.failed)} failed`,
    ],
    ['Traffic', `${bytes(stats.bytesIn)} in, ${bytes(stats.bytesOut)} out`],
  ]);
  if (domainConfigs.length > 0) lines.push('', ...domainTable(domainConfigs, output));
  if (endpoints.length === 0) return lines;
  const rows = endpoints.map((one): TCell[] => [
    one.id,
    one.domainConfig ?? '-',
    one.address,
    one.isDead ? { text: 'dead', style: 'red' } : { text: 'alive', style: 'green' },
    amount(one.active),
    amount(one.connections),
    amount(one.failureCount),
  ]);
  const head = ['BACKEND', 'DOMAIN CONFIG', 'ADDRESS', 'STATE', 'OPEN', 'CONNECTIONS', 'FAILURES'];
  return [...lines, '', ...output.table(head, rows)];
}

function domainTable(configs: readonly IDomainConfig[], output: Output): string[] {
  const rows = configs.map((config) => [
    config.id ?? '',
    [...(config.domains ?? []), ...(config.alpn ?? []).map((name) => `alpn ${name}`)].join(' ') ||
      '-',
    config.protocol ?? (config.domains === undefined ? 'any' : 'tls'),
    targetOf(config),
  ]);
  return output.table(['DOMAIN CONFIG', 'DOMAINS', 'PROTOCOL', 'TARGET'], rows);
}

function portsOf({ fromPort, globalPortRanges = [] }: IPortProxySettings): string {
  const ranges = globalPortRanges.map((given) => readPortRange(given)).filter(isPortRange);
  const texts = [...(fromPort === undefined ? [] : [String(fromPort)]), ...ranges.map(spellRange)];
  return texts.slice(0, 4).join(' ') + (texts.length > 4 ? ` +${texts.length - 4}` : '');
}

function targetOf({ toPort, backends, useNetworkProxy, tls }: ITcpAction): string {
  const ends = tls === undefined || tls === 'passthrough' ? '' : ' (TLS ends here)';
  if (useNetworkProxy === true) return `web${ends}`;
  if (toPort !== undefined) return spellToPort(toPort) + ends;
  return backends === undefined ? '-' : several(backends.map(spellBackend)) + ends;
}

function spellBackend({ hostname, port, socketPath }: Backend): string {
  return socketPath ?? (port === 0 ? hostname : `${hostname}:${port}`);
}

function spellToPort(toPort: TToPort): string {
  if (typeof toPort !== 'object') return spellTarget(toPort);
  if (Array.isArray(toPort)) return several(toPort.map(spellTarget));
  if ('host' in toPort) return spellTarget(toPort as TTcpTarget);
  return `by port (${Object.keys(toPort).length})`;
}

function spellTarget(target: TTcpTarget): string {
  if (typeof target === 'number') return `127.0.0.1:${target}`;
  if (typeof target === 'string') return target;
  return target.port === undefined ? target.host : `${target.host}:${target.port}`;
}

function several([first = '-', ...more]: readonly string[]): string {
  return more.length === 0 ? first : `${first} +${more.length}`;
}

function aliveOf({ endpoints }: ITcpEntryInfo): TCell {
  if (endpoints.length === 0) return '-';
  const alive = endpoints.filter(({ isDead }) => !isDead).length;
  const style = alive === endpoints.length ? 'green' : alive === 0 ? 'red' : 'yellow';
  return { text: `${alive}/${endpoints.length}`, style };
}

function stateOf({ enabled, forwardedBy, reason }: ITcpEntryInfo): TCell {
  if (enabled === false) return { text: 'off', style: 'dim' };
  if (forwardedBy === 'none') return { text: 'not forwarded', style: 'red' };
  if (reason !== undefined) return { text: 'serving, see below', style: 'yellow' };
  return { text: forwardedBy === 'kernel' ? 'kernel' : 'serving', style: 'green' };
}

const actionFlags = ['to', 'backend', 'web', 'terminate', 'strategy', 'send-proxy'];
const entryFlags = ['id', 'port', 'address', 'udp', ...actionFlags];
const domainFlags = ['id', 'protocol', 'alpn', ...actionFlags];

/** An item out of `--file`, or out of the flags that say the same. */
async function inputOf<T>(
  { arguments: given, terminal }: IContext,
  flags: readonly string[],
  noun: string,
  ofFlags: (given: IArguments) => T,
): Promise<T> {
  const file = given.value('file');
  if (file === undefined) return ofFlags(given);
  const extra = flags.find((name) => given.has(name));
  if (extra !== undefined) throw new UsageError(`--${extra} cannot stand beside --file`);
  const data = await readDataFile(file, terminal);
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as T;
  throw new UsageError(`"${file}" must hold one ${noun}`);
}

function entryOfFlags(given: IArguments): TPortProxyInput {
  const ports = given.values('port');
  if (ports.length === 0) throw new UsageError('--port is missing (or --file with the entry)');
  const isSingle = ports.length === 1 && /^\d+$/.test(ports[0] ?? '');
  const [id, address] = [given.value('id'), given.value('address')];
  return {
    ...(id === undefined ? {} : { id }),
    ...(given.has('udp') ? { protocol: 'udp' as const } : {}),
    ...(address === undefined ? {} : { address }),
    ...(isSingle ? { fromPort: Number(ports[0]) } : { globalPortRanges: [...ports] }),
    ...actionOf(given),
  };
}

function domainOfFlags(given: IArguments): TDomainConfigInput {
  const domains = given.positionals.slice(1);
  const protocol = given.value('protocol') as IDomainConfig['protocol'];
  const alpn = given.values('alpn');
  const id = given.value('id');
  if (domains.length + alpn.length === 0 && protocol === undefined) {
    throw new UsageError('Name a domain, or give --protocol or --alpn (or --file)');
  }
  return {
    ...(id === undefined ? {} : { id }),
    ...(domains.length === 0 ? {} : { domains }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(alpn.length === 0 ? {} : { alpn: [...alpn] }),
    ...actionOf(given),
  };
}

type TActionInput = Pick<
  TDomainConfigInput,
  'toPort' | 'backends' | 'useNetworkProxy' | 'tls' | 'strategy' | 'sendProxyProtocol'
>;

/** Where connections go. */
function actionOf(given: IArguments): TActionInput {
  const to = given.values('to');
  const backends = given.values('backend').map(parseBackendFlag);
  const isWeb = given.has('web');
  if ([to.length > 0, backends.length > 0, isWeb].filter(Boolean).length !== 1) {
    throw new UsageError('Say where it goes by one of --to, --backend and --web');
  }
  const strategy = given.value('strategy') as TActionInput['strategy'];
  const sendProxyProtocol = given.value('send-proxy') as TActionInput['sendProxyProtocol'];
  return {
    ...(to.length === 1 ? { toPort: to[0] } : to.length > 1 ? { toPort: [...to] } : {}),
    ...(backends.length > 0 ? { backends } : {}),
    ...(isWeb ? { useNetworkProxy: true } : {}),
    ...(given.has('terminate') ? { tls: 'terminate' as const } : {}),
    ...(strategy === undefined ? {} : { strategy }),
    ...(sendProxyProtocol === undefined ? {} : { sendProxyProtocol }),
  };
}

function segment(given: IArguments): string {
  return encodeURIComponent(given.positionals[0] ?? '');
}
