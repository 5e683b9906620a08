import { parseRateLimit } from '../config/parse.ts';
import type { TJson } from '../storage/store.ts';
import { refused } from './item-input.ts';
import { isObject } from './merge-patch.ts';
import type { INamedLimit } from './state.ts';

/** How messages speak of rate limits. */
export const limitWords = {
  noun: 'rate limit',
  nameOf: 'name',
  invalid: 'LIMIT_INVALID',
} as const;

/** Makes a limit of what a client sent. @throws DcError `LIMIT_INVALID` */
export function parseLimit(name: string, input: unknown): INamedLimit {
  // As in a file, so that an export can be read again.
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) {
    const message = 'Must be at most 64 letters, digits, "-" and "_", a letter or digit first';
    throw refused(limitWords, 'name', message, { value: name });
  }
  return { name, limit: parseRateLimit(input) };
}

/** Reads what the store holds. @throws DcError `LIMIT_INVALID` */
export function parseStoredLimit(stored: TJson): INamedLimit {
  const { name, limit } = isObject(stored) ? stored : {};
  return parseLimit(typeof name === 'string' ? name : '', limit);
}
