import { isIPv6 } from 'node:net';
import { hostClass } from './characters.ts';

const dot = 46;
const hostBytesMax = 255;

/**
 * Checks `host` or `host:port` (RFC 3986 §3.2, without user information): an IPv6 address in
 * brackets, or a name of letters, digits, `-`, `_` and dots that has no empty label.
 *
 * @returns the length of the host, -1 when the text is none. A single dot at the end of a name is
 * part of it.
 */
export function hostLength(authority: string): number {
  const { length } = authority;
  const hostEnd = authority.charCodeAt(0) === 91 ? addressEnd(authority) : nameEnd(authority);
  if (hostEnd === -1 || hostEnd === length) return hostEnd;
  return isPort(authority, hostEnd) ? hostEnd : -1;
}

/** The authority without the port, when that is the scheme's own. */
export function withoutPort(authority: string, port: string): string {
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}

function addressEnd(authority: string): number {
  const close = authority.indexOf(']');
  const address = authority.substring(1, close);
  // A zone means something on the client's machine only.
  return close !== -1 && isIPv6(address) && !address.includes('%') ? close + 1 : -1;
}

function nameEnd(authority: string): number {
  const { length } = authority;
  let position = 0;
  let before = dot;
  while (position < length) {
    const code = authority.charCodeAt(position);
    if (hostClass[code] !== 1) break;
    if (code === dot && before === dot) return -1;
    before = code;
    position++;
  }
  return position === 0 || position > hostBytesMax ? -1 : position;
}

/** Whether `:` and a port, which may be empty, stand from `start` to the end. */
function isPort(authority: string, start: number): boolean {
  const { length } = authority;
  if (authority.charCodeAt(start) !== 58 || length - start > 6) return false;
  let port = 0;
  for (let position = start + 1; position < length; position++) {
    const digit = authority.charCodeAt(position) - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}
