import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { type TPath, valueAt } from './path.ts';

/** What stands in place of a secret. */
export const SECRET_MASK = '[redacted]';

const secretKeys = new Set(['key', 'passwordhash', 'tokenhashes', 'password', 'token', 'secret']);
/** Parts of the configuration that hold no secret, whatever the names in them. */
const openPlanes = new Set(['access', 'limits']);
const openLists = new Set(['rateLimits', 'primaries', 'notify', 'update']);
const headerParents = new Set(['headers', 'set', 'add']);
const secretHeader = /authorization|cookie|token|secret|password|credential|api-?key|signature/i;

/**
 * Tells by its path whether a value is a secret: private keys, hashes of passwords and tokens, and
 * the values of headers that carry credentials.
 */
export function isSecretPath(path: TPath): boolean {
  if (openPlanes.has(String(path[0]))) return false;
  if (path[0] === 'dns') return isDnsSecret(path);
  return path.some((part, index) => {
    if (typeof part === 'number') return false;
    // What a rate limit counts by, and names of keys: a zone of the API has no `dns` before it.
    if (part === 'key' && openLists.has(String(path[index - 2]))) return false;
    const parent = path[index - 1];
    if (typeof parent === 'string' && headerParents.has(parent)) return secretHeader.test(part);
    return secretKeys.has(part.toLowerCase());
  });
}

/** Zones are public, and the `key` of a peer or a rule is the name of one. */
function isDnsSecret([, part, , field]: TPath): boolean {
  return part === 'cookieSecret' || (part === 'keys' && field === 'secret');
}

/**
 * The same with a look at the data, for `matchHeaders` names the header beside its value.
 *
 * @param root the data that the path begins in.
 */
export function isSecret(root: unknown, path: TPath): boolean {
  if (isSecretPath(path)) return true;
  const start = path.indexOf('matchHeaders') + 1;
  const part = path[start + 1];
  if (start === 0 || (part !== 'value' && part !== 'pattern')) return false;
  return secretHeader.test(String(valueAt(root, [...path.slice(0, start + 1), 'name'])));
}

/** Masks what a text itself gives away: PEM blocks of keys, and passwords inside URLs. */
export function maskText(text: string): string {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) return SECRET_MASK;
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/i, `$1${SECRET_MASK}@`);
}

/** A copy of the options that may be shown: every secret is masked. */
export function maskSecrets<T extends IDcRouterOptions>(options: T): T {
  return masked(options, [], options) as T;
}

function masked(value: unknown, path: TPath, root: unknown): unknown {
  if (typeof value === 'string') {
    if (isSecret(root, path)) return SECRET_MASK;
    // "https://name@192.0.2.1" holds no password, and records are what everybody may ask for.
    return path[0] === 'dns' ? value : maskText(value);
  }
  if (Array.isArray(value)) return value.map((item, index) => masked(item, [...path, index], root));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [key, masked(item, [...path, key], root)]),
  );
}
