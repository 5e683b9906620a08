import { isIPv4, isIPv6 } from 'node:net';
import type { ITcpAddress, TTcpTarget, TToPort } from '../../ts_interfaces/data/tcp.ts';
import { type IRefusal, normalizeHostname } from './host-name.ts';
import { type IPortRange, isPortRange, PORT_MAX, readPortRange } from './port-range.ts';
import { isObject, type TLooseObject } from './schema-object.ts';

/** Where to connect to, in the one form that all ways of writing it come to. */
export interface ITcpPlace {
  /** IP address (IPv6 without brackets, perhaps with a zone) or a name, in its normal form. */
  host: string;
  /** 1 to 65535; 0: the port that the client came to. */
  port: number;
}

/** Targets of some ports. */
export interface IToPortRule {
  /** Ports that the client came to; null: every one. */
  ports: IPortRange | null;
  /** At least one. */
  places: ITcpPlace[];
}

/** What `toPort` says, once an entry was parsed: one rule, or one for each key of a mapping. */
export function readToPort(toPort: TToPort): IToPortRule[] {
  if (!isMapping(toPort)) return [{ ports: null, places: placesOf(toPort) }];
  return Object.entries(toPort).map(([key, target]) => {
    const ports = readPortRange(key);
    return { ports: isPortRange(ports) ? ports : null, places: placesOf(target) };
  });
}

/** Whether `toPort` maps the ports that clients came to, rather than naming targets for all. */
export function isMapping(toPort: unknown): toPort is Record<string, TTcpTarget | TTcpTarget[]> {
  return isObject(toPort) && !isAddress(toPort);
}

/** The fields that say where connections go; an action has one of them. */
const targetKeys = ['toPort', 'backends', 'useNetworkProxy'] as const;

/** The fields by which an action says where connections go: one when it is right. */
export function targetsOf(action: TLooseObject): string[] {
  return targetKeys.filter((key) => action[key] !== undefined && action[key] !== false);
}

/** The place that a target names; why it is refused where it names none. */
export function readTarget(target: TTcpTarget): ITcpPlace | IRefusal {
  if (typeof target === 'number') return { host: '127.0.0.1', port: target };
  if (typeof target === 'string') return readText(target);
  const host = normalizeHostname(target.host);
  return typeof host === 'string' ? { host, port: target.port ?? 0 } : host;
}

/** Keys of an address: a map with one of them is no mapping. */
function isAddress(value: object): value is ITcpAddress {
  return 'host' in value || 'port' in value;
}

function placesOf(target: TTcpTarget | TTcpTarget[]): ITcpPlace[] {
  return [target].flat().flatMap((one) => {
    const place = readTarget(one);
    return 'problem' in place ? [] : [place];
  });
}

function readText(text: string): ITcpPlace | IRefusal {
  // A number from the environment is a text.
  if (/^\d+$/.test(text)) return withPort('127.0.0.1', text, '127.0.0.1');
  if (isIPv6(text)) {
    const [, address = '', port] = /^(.*):(\d+)$/.exec(text) ?? [];
    const suggestion = isIPv6(address) ? `[${address}]:${port}` : `[${text}]`;
    return { problem: 'Must have the IPv6 address in brackets', suggestion };
  }
  if (text.startsWith('[')) return readBrackets(text);
  const [, name = '', port] = /^(.*?)(?::(\d*))?$/s.exec(text) ?? [];
  if (name === '') {
    const problem = 'Must have a host: "host:port", or a port alone for 127.0.0.1';
    return port ? { problem, suggestion: `127.0.0.1:${port}` } : { problem };
  }
  const host = normalizeHostname(name);
  if (typeof host === 'string') return withPort(host, port, name);
  if (name.includes(':') && !name.includes('//')) {
    return { problem: `Must be "host:port" with a port from 1 to ${PORT_MAX}` };
  }
  return host.suggestion !== undefined && port
    ? { ...host, suggestion: `${host.suggestion}:${port}` }
    : host;
}

function readBrackets(text: string): ITcpPlace | IRefusal {
  const [, inside = '', port] = /^\[([^\]]*)\](?::(\d*))?$/.exec(text) ?? [];
  const host = normalizeHostname(inside);
  if (isIPv6(inside) && typeof host === 'string') return withPort(host, port, `[${inside}]`);
  if (isIPv4(inside)) {
    const suggestion = port ? `${inside}:${port}` : inside;
    return { problem: 'Must have brackets around IPv6 addresses only', suggestion };
  }
  return { problem: 'Must be like "[2001:db8::1]:443": an IPv6 address in brackets, then a port' };
}

/** @param port its digits; undefined: none was written. */
function withPort(host: string, port: string | undefined, written: string): ITcpPlace | IRefusal {
  if (port === undefined) return { host, port: 0 };
  const number = Number(port);
  if (port !== '' && number >= 1 && number <= PORT_MAX) return { host, port: number };
  const problem = `Must have a port from 1 to ${PORT_MAX} after the colon, or no colon`;
  return port === '' ? { problem, suggestion: written } : { problem };
}
