import { isIPv4, isIPv6 } from 'node:net';
import type { IDnsOptions } from '../../ts_interfaces/data/dns.ts';
import type { IApiOptions } from '../../ts_interfaces/data/options.ts';
import type { IPortProxySettings } from '../../ts_interfaces/data/tcp.ts';
import type { IEntrypointOptions } from '../../ts_interfaces/data/web.ts';
import { DEFAULT_PORTS, withDnsListeners } from './defaults.ts';
import type { IFinding } from './issues.ts';
import { formatPath, type TPath } from './path.ts';
import { findOverlaps, type IPortRange, spellRange } from './port-range.ts';
import type { TLooseObject } from './schema-object.ts';
import { listenedPorts } from './tcp-port-checks.ts';

/** Ports that somebody opens. */
export interface IOpenPorts extends IPortRange {
  /** IP address; `::` is every address, IPv4 and IPv6. */
  address: string;
  protocol: 'tcp' | 'udp';
}

/** The same with its place in the configuration. */
export interface IPortListener extends IOpenPorts {
  path: TPath;
}

/** The ports of an entry, whether it is enabled or not; port 0 is a free one. */
export function portsOf(entry: IPortProxySettings): IOpenPorts[] {
  return listenersOf({ ...entry, enabled: true }, []).map(({ path: _, ...ports }) => ports);
}

/** The ports that an entry opens; of a refused one those that can be read. */
export function listenersOf(entry: TLooseObject, path: TPath): IPortListener[] {
  const { enabled, address: given, protocol: word } = entry;
  if (enabled === false) return [];
  const address = typeof given === 'string' ? given : '::';
  const protocol = word === 'udp' ? 'udp' : 'tcp';
  const ports = listenedPorts(entry);
  // Ports that a refused entry has twice count once.
  const twice = new Set(findOverlaps(ports).map(([later]) => later));
  return ports.flatMap(({ path: place, from, to }, index) => {
    return twice.has(index) ? [] : [{ path: [...path, ...place], address, from, to, protocol }];
  });
}

/** The ports of entrypoints, and of the management port. */
export function webListeners(
  entrypoints: Readonly<Record<string, IEntrypointOptions>>,
  api: IApiOptions | undefined,
): IPortListener[] {
  const tcp = 'tcp' as const;
  const listeners = Object.entries(entrypoints).map(([name, { address = '::', port }]) => {
    const path = ['web', 'entrypoints', name, 'port'];
    return { path, address, from: port, to: port, protocol: tcp };
  });
  if (api !== undefined && api.enabled !== false) {
    const { address = '127.0.0.1', port = DEFAULT_PORTS.api } = api;
    listeners.push({ path: ['api', 'port'], address, from: port, to: port, protocol: tcp });
  }
  return listeners;
}

/** The ports of DNS listeners: those with TLS by TCP alone, the others by UDP as well. */
export function dnsListeners(dns: Pick<IDnsOptions, 'listeners'> | undefined): IPortListener[] {
  return Object.entries(withDnsListeners(dns)?.listeners ?? {}).flatMap(([name, listener]) => {
    const { address = '::', port, tls = false } = listener;
    const ports = { path: ['dns', 'listeners', name, 'port'], address, from: port, to: port };
    const tcp = { ...ports, protocol: 'tcp' as const };
    return tls === false ? [tcp, { ...ports, protocol: 'udp' as const }] : [tcp];
  });
}

/**
 * Finds ports that two listeners would share: the later one is at fault, and the first is named.
 * Those of one protocol clash, at the same address or where one has all of them; port 0 never does.
 *
 * It costs a binary search a listener, so that tens of thousands of them can be checked.
 */
export function checkPorts(listeners: Iterable<IPortListener>): IFinding[] {
  const taken = new TakenPorts();
  const findings: IFinding[] = [];
  let refused: TPath | undefined;
  for (const listener of listeners) {
    if (listener.to === 0) continue;
    const first = taken.take(listener);
    // A listener of both protocols that lacks the port of one is told once.
    if (first === undefined || isSamePlace(listener.path, refused)) continue;
    refused = listener.path;
    const message =
      listener.from === listener.to && first.from === first.to
        ? `Must be a port of its own: ${formatPath(first.path)} listens there`
        : `Must be ports of its own: ${formatPath(first.path)} listens on ${sharedBy(first, listener)}`;
    findings.push({ path: listener.path, at: 'value', message });
  }
  return findings;
}

function isSamePlace(path: TPath, other: TPath | undefined): boolean {
  return other !== undefined && formatPath(path) === formatPath(other);
}

/** Ports by protocol and address, each list in order and without overlaps. */
class TakenPorts {
  private readonly lists = new Map<string, Map<string, IPortListener[]>>();

  /** The listener that has some of the ports; undefined: there was none, and they are taken now. */
  take(listener: IPortListener): IPortListener | undefined {
    const address = canonical(listener.address);
    const lists = this.listsOf(listener.protocol);
    for (const list of rivals(lists, address)) {
      const rival = list[firstEndingAt(list, listener.from)];
      if (rival !== undefined && rival.from <= listener.to) return rival;
    }
    const own = lists.get(address);
    if (own === undefined) lists.set(address, [listener]);
    else own.splice(firstEndingAt(own, listener.from), 0, listener);
    return undefined;
  }

  private listsOf(protocol: string): Map<string, IPortListener[]> {
    const known = this.lists.get(protocol);
    if (known !== undefined) return known;
    const lists = new Map<string, IPortListener[]>();
    this.lists.set(protocol, lists);
    return lists;
  }
}

/** The lists of addresses that overlap with this one. */
function rivals(lists: ReadonlyMap<string, IPortListener[]>, address: string): IPortListener[][] {
  // `::` takes IPv4 as well, for Node binds both families.
  if (address === '::') return [...lists.values()];
  const isAny4 = address === '0.0.0.0';
  if (isAny4) return [...lists].filter(([other]) => other === '::' || isIPv4(other)).map(listIn);
  const names = isIPv4(address) ? [address, '0.0.0.0', '::'] : [address, '::'];
  return names.flatMap((name) => {
    const list = lists.get(name);
    return list === undefined ? [] : [list];
  });
}

function listIn([, list]: [string, IPortListener[]]): IPortListener[] {
  return list;
}

/** The place of the first range that does not end below a port. */
function firstEndingAt(list: readonly IPortListener[], port: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as IPortListener).to < port) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sharedBy(one: IPortRange, other: IPortRange): string {
  return spellRange({ from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) });
}

/** One spelling of each address; IPv4-mapped ones are IPv4. */
function canonical(address: string): string {
  if (!isIPv6(address) || address.includes('%')) return address;
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return text;
  const words = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return words.flatMap((word) => [word >>> 8, word & 255]).join('.');
}
