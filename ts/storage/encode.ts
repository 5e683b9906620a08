import type { IStoreChange } from './store.ts';

/** A change whose value is JSON text; `undefined` deletes. */
export interface IEncodedChange {
  collection: string;
  key: string;
  text: string | undefined;
}

/**
 * The changes as they stand now: what the caller does to the values later has no effect.
 *
 * @throws TypeError for a name that is empty or holds NUL or a lone surrogate (which UTF-8, and so
 *   a database, cannot tell from other ones), and for a value that JSON cannot say.
 */
export function encodeChanges(changes: readonly IStoreChange[]): IEncodedChange[] {
  return changes.map(({ collection, key, value }) => {
    checkName('collection', collection);
    checkName('key', key);
    return { collection, key, text: value === undefined ? undefined : encodeValue(key, value) };
  });
}

function checkName(what: string, name: string): void {
  if (name === '' || name.includes('\0') || !name.isWellFormed()) {
    throw new TypeError(`Cannot store the ${what} ${JSON.stringify(name)}`);
  }
}

function encodeValue(key: string, value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`Cannot store a ${typeof value} as "${key}"`);
  return text;
}
