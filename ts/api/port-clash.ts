import { isIPv6 } from 'node:net';
import type {
  IApiOptions,
  IDcRouterOptions,
  IPortProxySettings,
} from '../../ts_interfaces/index.ts';
import { DEFAULT_PORTS, withEntrypoints } from '../config/defaults.ts';
import { dnsListeners } from '../config/ports.ts';
import { listenedRanges } from '../config/tcp-port-checks.ts';
import { canonicalIp } from '../net/ip.ts';

/** Ports that somebody has or wants. */
export interface IPortSpan {
  /** Absent: every address, IPv4 and IPv6. */
  address?: string;
  from: number;
  to: number;
  protocol: 'tcp' | 'udp';
}

/** A port that something other than a TCP entry listens on. */
export interface IForeignPort {
  /** In words: `the entrypoint "http"`. */
  holder: string;
  /** @default every address */
  address?: string;
  port: number;
  /** @default 'tcp' */
  protocol?: 'tcp' | 'udp';
}

/** The ports that a configuration gives to something other than TCP entries. */
export function foreignPorts({ web, api, dns }: IDcRouterOptions): IForeignPort[] {
  const { entrypoints = {} } = withEntrypoints(web);
  const ports = Object.entries(entrypoints).map(([name, { address, port }]) => {
    return { holder: `the entrypoint "${name}"`, address, port };
  });
  const names = dnsListeners(dns).map(({ path, address, from, protocol }) => {
    return { holder: `the DNS listener "${path[2]}"`, address, port: from, protocol };
  });
  return [...ports, ...names, ...managementPort(api)];
}

/** The port that the management API wants. */
export function managementPort(api: IApiOptions | undefined): IForeignPort[] {
  const { enabled, address = '127.0.0.1', port = DEFAULT_PORTS.api } = api ?? {};
  return enabled === true ? [{ holder: 'the management port', address, port }] : [];
}

/** Who has ports, in words: `TCP entry "db"`. */
export interface IPortHolder {
  holder: string;
  spans: readonly IPortSpan[];
}

/** The ports of an entry; none while it is switched off. A free one (port 0) is left out. */
export function holderOf(entry: IPortProxySettings): IPortHolder {
  const { id, address, protocol = 'tcp', enabled } = entry;
  const ranges = enabled === false ? [] : listenedRanges({ ...entry });
  return {
    holder: `TCP entry "${id}"`,
    spans: ranges.map(({ from, to }) => ({ address, from, to, protocol })),
  };
}

/** Somebody else's port, to be compared with those of entries. */
export function foreignHolder({
  holder,
  address,
  port,
  protocol = 'tcp',
}: IForeignPort): IPortHolder {
  // Port 0 is a free one, whichever that is.
  const spans = port === 0 ? [] : [{ address, from: port, to: port, protocol }];
  return { holder, spans };
}

/** The first of others that has a port of these, and the port. */
export function findClash(
  spans: readonly IPortSpan[],
  others: Iterable<IPortHolder>,
): { holder: string; port: number } | undefined {
  for (const { holder, spans: taken } of others) {
    for (const mine of spans) {
      for (const theirs of taken) {
        if (clash(mine, theirs)) return { holder, port: Math.max(mine.from, theirs.from) };
      }
    }
  }
  return undefined;
}

/** `::` takes IPv4 as well, for both families are bound. */
function clash(mine: IPortSpan, theirs: IPortSpan): boolean {
  if (mine.protocol !== theirs.protocol) return false;
  if (mine.from > theirs.to || theirs.from > mine.to) return false;
  const [one, other] = [normal(mine.address), normal(theirs.address)];
  if (one === other || one === '::' || other === '::') return true;
  return (one === '0.0.0.0' && !isIPv6(other)) || (other === '0.0.0.0' && !isIPv6(one));
}

function normal(address = '::'): string {
  // A zone tells link-local addresses apart.
  return address.includes('%') ? address : (canonicalIp(address) ?? address);
}
