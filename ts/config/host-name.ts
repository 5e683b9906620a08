import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Why a text is refused, and what would have been accepted. */
export interface IRefusal {
  /** Reason, without the value and without a full stop. */
  problem: string;
  /** The nearest accepted value, where there is one. */
  suggestion?: string;
}

/** A check of a text: its normal form, or why it is refused. */
export type TTextCheck = (text: string) => string | IRefusal;

const asciiName = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const servicePattern = /^_[^.]+\._[^.]+\.(.*[^.])$/;
const scheme = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Brings the name of a virtual host into its normal form: lower case, IDN as punycode, no trailing
 * dot.
 *
 * Accepts an exact name, `*.` before a name (any depth below it), `*` alone, an IPv4 address and an
 * IPv6 address in brackets.
 */
export function normalizeVHost(text: string): string | IRefusal {
  if (text === '*') return text;
  const wildcard = text.startsWith('*.');
  const host = normalizeName(wildcard ? text.slice(2) : text);
  if (typeof host === 'string' && !(wildcard && host.startsWith('['))) {
    return wildcard ? `*.${host}` : host;
  }
  return refuseVHost(text, typeof host === 'string' ? 'Must be a host name after "*."' : undefined);
}

/**
 * Brings the host of a backend into its normal form: an IP address (IPv6 without brackets), or a
 * name in lower case, with IDN as punycode and no trailing dot.
 */
export function normalizeHostname(text: string): string | IRefusal {
  if (text.includes(':') && isIPv6(text)) return text.replace(/^[^%]*/, (ip) => ip.toLowerCase());
  const host = normalizeName(text);
  if (typeof host === 'string') {
    if (host.startsWith('[')) return host.slice(1, -1);
    // No name ends in a number, and a wrong IPv4 address would be looked up as one.
    return !/(?:^|\.)\d+$/.test(host) || isIPv4(host)
      ? host
      : { problem: 'Must be an IPv4 address, or a name that does not end in a number' };
  }
  const bare = bareHost(text);
  return bare === undefined
    ? host
    : { problem: 'Must be a host without scheme, port and path', ...bare };
}

/**
 * The domain of a name such as `_http._tcp.example.com`, which stands for a service (RFC 2782);
 * undefined: it is no such name.
 */
export function serviceDomain(hostname: string): string | undefined {
  return hostname.startsWith('_') ? servicePattern.exec(hostname)?.[1] : undefined;
}

/**
 * Brings the domain of a certificate into its normal form: a name, or `*.` before one, or an
 * address.
 */
export function normalizeDomain(text: string): string | IRefusal {
  if (text === '*') return { problem: 'Must be a domain, or "*." before one' };
  return normalizeVHost(text);
}

function normalizeName(text: string): string | IRefusal {
  let name = text.toLowerCase();
  if (name.startsWith('[')) return normalizeAddress(name);
  if (/[^\x21-\x7e]|xn--/.test(name)) {
    // domainToASCII() would quietly drop spaces, tabs and line ends.
    if (/\s/.test(name)) return { problem: 'Must not contain blanks' };
    name = domainToASCII(name);
    if (name === '')
      return { problem: 'Must be a host name: this one has no valid ASCII form (IDNA)' };
  }
  if (name.endsWith('.')) name = name.slice(0, -1);
  if (name.length > 253) return { problem: 'Must be a host name of at most 253 characters' };
  if (asciiName.test(name)) return name;
  return { problem: reasonOf(name) };
}

function normalizeAddress(text: string): string | IRefusal {
  const inside = text.endsWith(']') ? text.slice(1, -1) : '';
  if (!isIPv6(inside) || inside.includes('%')) {
    return { problem: 'Must be an IPv6 address between the brackets' };
  }
  return new URL(`http://${text}`).hostname;
}

function reasonOf(name: string): string {
  if (name === '') return 'Must be a host name, not an empty text';
  if (/^\.|\.\.|\.$/.test(name)) return 'Must be a host name without empty labels';
  if (name.split('.').some((label) => label.length > 63)) {
    return 'Must be a host name with labels of at most 63 characters';
  }
  return 'Must be a host name: letters, digits, "-", "_" and dots';
}

function refuseVHost(text: string, reason: string | undefined): IRefusal {
  const bare = bareHost(text);
  if (bare !== undefined)
    return { problem: 'Must be a host without scheme, port and path', ...bare };
  if (text.startsWith('.')) return wildcardHint(`*${text}`);
  if (text.startsWith('*')) return wildcardHint(`*.${text.replace(/^\*\.?/, '')}`, reason);
  if (text.includes('*')) return { problem: 'Must have its "*" as the whole first label' };
  const host = normalizeName(text);
  return typeof host === 'string' ? { problem: 'Must be a host name' } : host;
}

function wildcardHint(candidate: string, reason?: string): IRefusal {
  const host = normalizeName(candidate.slice(2));
  const problem = reason ?? 'Must have its "*" as the whole first label';
  if (typeof host !== 'string') return candidate.includes('*', 1) ? { problem } : host;
  return host.startsWith('[') ? { problem } : { problem, suggestion: `*.${host}` };
}

/** The host inside a URL or before a port, when the text is one of these. */
function bareHost(text: string): { suggestion: string } | undefined {
  if (isIPv6(text)) return { suggestion: `[${text}]` };
  const rest = text.replace(scheme, '').replace(/[/?#].*$/s, '');
  const host = rest.replace(/:\d*$/, '');
  if (host === text) return undefined;
  const wildcard = host.startsWith('*.') ? '*.' : '';
  const name = normalizeName(host.slice(wildcard.length));
  return typeof name === 'string' ? { suggestion: wildcard + name } : undefined;
}
