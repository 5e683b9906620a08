import { isIPv4, isIPv6 } from 'node:net';
import type { IRefusal } from './host-name.ts';
import { normalizeHostname } from './host-name.ts';
import { PORT_MAX } from './port-range.ts';

/** A server that the resolver asks. */
export interface IDnsServer {
  /** `udp` means UDP, with TCP for what does not fit. */
  protocol: 'udp' | 'tcp' | 'tls' | 'https';
  /** IP address, IPv6 without brackets. */
  address: string;
  /** 1 to 65535. */
  port: number;
  /** `tls` and `https`: the name that its certificate must hold; absent: the address. */
  serverName?: string;
  /** `https`: with its leading slash. */
  path?: string;
}

const defaultPorts = { udp: 53, tcp: 53, tls: 853, https: 443 } as const;

const forms =
  'Must be a server: 192.0.2.1, [2001:db8::1]:53, tcp://192.0.2.1, tls://192.0.2.1#name.example ' +
  'or https://name.example/dns-query@192.0.2.1';

/**
 * Reads a server as `dns.resolver.servers` has it.
 *
 * @returns the server; why it is refused where it is none.
 */
export function readDnsServer(text: string): IDnsServer | IRefusal {
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
  switch (scheme?.toLowerCase()) {
    case undefined:
      return withHost(rest, 'udp');
    case 'tcp':
      return withHost(rest, 'tcp');
    case 'tls':
      return readTls(rest);
    case 'https':
      return readHttps(rest);
    case 'udp':
      return { problem: forms, suggestion: rest };
    default:
      return { problem: forms };
  }
}

/** Whether `readDnsServer` could read it. */
export function isDnsServer(read: IDnsServer | IRefusal): read is IDnsServer {
  return 'address' in read;
}

function readTls(text: string): IDnsServer | IRefusal {
  const [, host = '', name] = /^([^#]*)(?:#(.*))?$/s.exec(text) ?? [];
  const server = withHost(host, 'tls');
  if (!isDnsServer(server) || name === undefined) return server;
  return withServerName(server, name);
}

function readHttps(text: string): IDnsServer | IRefusal {
  const [, authority = '', tail = ''] = /^([^/@]*)(.*)$/s.exec(text) ?? [];
  const at = tail.lastIndexOf('@');
  const path = (at === -1 ? tail : tail.slice(0, at)) || '/dns-query';
  if (!/^\/[!"$-;=@-Z_a-z~%-]*$/.test(path)) {
    return { problem: 'Must have a path without "?", "#" and blanks, e.g. /dns-query' };
  }
  if (at === -1) {
    const server = withHost(authority, 'https');
    if (isDnsServer(server)) return { ...server, path };
    const [, name = ''] = /^(.*?)(?::\d+)?$/s.exec(authority) ?? [];
    const isName = typeof normalizeHostname(name) === 'string';
    return isName ? { problem: 'Must have the address of the server behind an "@"' } : server;
  }
  const address = bareAddress(tail.slice(at + 1));
  if (address === undefined) {
    return { problem: 'Must have an IP address behind the "@"; a port stands behind the name' };
  }
  const [, name = '', port] = /^(.*?)(?::(\d*))?$/s.exec(authority) ?? [];
  const server = withPort(address, port, 'https');
  const named = isDnsServer(server) ? withServerName(server, name) : server;
  return isDnsServer(named) ? { ...named, path } : named;
}

function withServerName(server: IDnsServer, text: string): IDnsServer | IRefusal {
  const serverName = normalizeHostname(text);
  if (typeof serverName === 'string') return { ...server, serverName };
  return { problem: 'Must have the name that the certificate of the server holds' };
}

/** An address with or without a port; IPv6 may stand without brackets where it has none. */
function withHost(text: string, protocol: IDnsServer['protocol']): IDnsServer | IRefusal {
  if (isIPv6(text)) {
    const [, head = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
    if (!isIPv6(head) || !/^(?:53|853|443|5353|5300)$/.test(port)) {
      return withPort(text, undefined, protocol);
    }
    return {
      problem: 'Must have brackets around the IPv6 address',
      suggestion: `[${head}]:${port}`,
    };
  }
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/s.exec(text) ?? [];
  const address = bareAddress(host);
  if (address !== undefined) return withPort(address, port, protocol);
  if (host === '' || typeof normalizeHostname(host) !== 'string') return { problem: forms };
  return { problem: `Must be an IP address: nobody could look up ${JSON.stringify(host)}` };
}

function bareAddress(text: string): string | undefined {
  const inside = /^\[(.*)\]$/s.exec(text)?.[1];
  if (inside !== undefined) return isIPv6(inside) ? inside : undefined;
  return isIPv4(text) || isIPv6(text) ? text : undefined;
}

/** @param digits undefined: none were written. */
function withPort(
  address: string,
  digits: string | undefined,
  protocol: IDnsServer['protocol'],
): IDnsServer | IRefusal {
  const port = digits === undefined ? defaultPorts[protocol] : Number(digits);
  if (digits !== '' && port >= 1 && port <= PORT_MAX) return { protocol, address, port };
  return { problem: `Must have a port from 1 to ${PORT_MAX} after the colon, or no colon` };
}
