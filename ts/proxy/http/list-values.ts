import { HTAB, SP } from './characters.ts';
import { isKnownName } from './field-names.ts';

/** The text without spaces and tabs around it: what a header calls white space (RFC 9110 §5.6.3). */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.substring(start, end);
}

/** The elements of a comma-separated value (RFC 9110 §5.6.1), without empty ones. */
export function listItems(value: string): string[] {
  return value.split(',').map(trimBlanks).filter(Boolean);
}

/** What a `Connection` field says (RFC 9110 §7.6.1). */
export interface IConnectionOptions {
  readonly closes: boolean;
  readonly keepsAlive: boolean;
  readonly upgrades: boolean;
  /** Names of further fields that belong to this hop only, in lower case; null when none. */
  readonly nominated: ReadonlySet<string> | null;
}

/**
 * Reads a `Connection` field.
 *
 * The fields that the router knows are not nominated by it: those of the hop stay behind anyway, and
 * without Host, Content-Length or X-Forwarded-For the message would mean something else behind us.
 */
export function readConnectionOptions(value: string): IConnectionOptions {
  const options = new Set(listItems(value.toLowerCase()));
  const closes = options.delete('close');
  const keepsAlive = options.has('keep-alive');
  const upgrades = options.has('upgrade');
  for (const name of options) if (isKnownName(name)) options.delete(name);
  return { closes, keepsAlive, upgrades, nominated: options.size === 0 ? null : options };
}

const protocolPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/;

/** Other versions of HTTP, and TLS (RFC 2817): they would carry requests past the routes. */
const tunnelledHttp = /^(h2c?|h3|https?|tls)(-\d+|\/.*)?$/i;

/** The protocols of an `Upgrade` field that the router forwards, `''` when none is left. */
export function upgradeProtocols(value: string): string {
  return listItems(value)
    .filter((item) => protocolPattern.test(item) && !tunnelledHttp.test(item))
    .join(', ');
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}
