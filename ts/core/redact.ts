import { DcError } from './errors.ts';

/** What stands in the place of a secret. */
export const redacted = '[redacted]';

const stringLengthMax = 8192;
const itemsMax = 100;
const depthMax = 8;

/** Names whose values are secret, as they are and as the end of a longer name. */
const secretNames = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'tokens',
  'authorization',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'passwordhash',
  'tokenhash',
  'tokenhashes',
  'privatekey',
  'apikey',
  'secretkey',
];

/**
 * Copy of log data that is safe to write: JSON only, bounded, without secrets.
 *
 * Values of keys such as `password`, `clientSecret`, `key`, `Set-Cookie` become `[redacted]`, and
 * every string goes through `redactText`. Errors become name, message, code and cause; long
 * strings, long lists and deep nesting are cut; cycles are named. Never throws.
 */
export function redact(data: Record<string, unknown>): Record<string, unknown> {
  return redactObject(data, new Set());
}

/**
 * Takes PEM blocks, our own tokens and hashes, credentials in URLs and `Bearer …`/`Basic …` out
 * of a text.
 */
export function redactText(text: string): string {
  // The cut comes first: it bounds what the expressions have to look at.
  const short =
    text.length <= stringLengthMax
      ? text
      : `${text.slice(0, stringLengthMax)}… (${text.length} characters)`;
  return short
    .replace(/-----BEGIN [^-]{1,64}-----[\s\S]*?(?:-----END [^-]{1,64}-----|$)/g, redacted)
    .replace(/\bdcr_[\w-]{16,}/g, redacted)
    .replace(/\b(?:scrypt|sha256)\$[\w$+/=.-]+/g, redacted)
    .replace(/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, `$1 ${redacted}`)
    .replace(/(\b[a-z][a-z0-9+.-]{0,32}:\/\/)[^\s/?#@]{1,512}@/gi, `$1${redacted}@`);
}

/** Whether a key's value is secret by its name; case, `-`, `_` and blanks do not matter. */
export function isSecretName(name: string): boolean {
  const plain = name.replace(/[-_ ]/g, '').toLowerCase();
  return plain === 'key' || plain === 'pwd' || secretNames.some((secret) => plain.endsWith(secret));
}

function redactValue(value: unknown, seen: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : redactNested(value, seen);
    default:
      return value;
  }
}

function redactNested(value: object, seen: Set<object>): unknown {
  if (seen.has(value)) return '[circular]';
  if (seen.size >= depthMax) return '[deep]';
  seen.add(value);
  try {
    return redactKind(value, seen);
  } catch {
    // A getter or proxy that throws: a log line is not worth the request that it tells of.
    return '[unreadable]';
  } finally {
    seen.delete(value);
  }
}

function redactKind(value: object, seen: Set<object>): unknown {
  if (value instanceof Error) return redactError(value, seen);
  if (value instanceof Date) return Number.isNaN(value.valueOf()) ? null : value.toISOString();
  if (value instanceof URL || value instanceof RegExp) return redactText(String(value));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return redactObject(Object.fromEntries(value), seen);
  if (Array.isArray(value) || value instanceof Set) return redactList([...value], seen);
  return redactObject(value, seen);
}

function redactList(list: unknown[], seen: Set<object>): unknown[] {
  const shown = list.slice(0, itemsMax).map((item) => redactValue(item, seen));
  if (list.length > itemsMax) shown.push(`… (${list.length} items)`);
  return shown;
}

function redactObject(data: object, seen: Set<object>): Record<string, unknown> {
  const shown: [string, unknown][] = [];
  for (const key of Object.keys(data).slice(0, itemsMax)) {
    const value = isSecretName(key) ? redacted : redactMember(data, key, seen);
    shown.push([key, value]);
  }
  return Object.fromEntries(shown);
}

function redactMember(data: object, key: string, seen: Set<object>): unknown {
  try {
    return redactValue((data as Record<string, unknown>)[key], seen);
  } catch {
    // See redactNested.
    return '[unreadable]';
  }
}

function redactError(error: Error, seen: Set<object>): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  const shown: Record<string, unknown> = { name, message: redactText(message) };
  if (code !== undefined) shown.code = redactValue(code, seen);
  if (error instanceof DcError) {
    if (error.problems.length > 0) shown.problems = redactValue(error.problems, seen);
  } else if (syscall === undefined && stack !== undefined) {
    // Neither an expected failure nor the system's: a fault that somebody has to find.
    shown.stack = redactText(stack);
  }
  if (cause !== undefined) shown.cause = redactValue(cause, seen);
  return shown;
}
