import { createHash } from 'node:crypto';
import { DcError, type IProblem } from '../core/errors.ts';
import { canonicalCidr, cidrComplaint } from '../net/cidr.ts';
import type { TJson } from '../storage/store.ts';
import { notAnObject, refused } from './item-input.ts';
import { isObject } from './merge-patch.ts';
import type { IAddressList } from './state.ts';

/** How messages speak of address lists. */
export const accessWords = {
  noun: 'address list',
  nameOf: 'name',
  invalid: 'ACCESS_INVALID',
} as const;

/** Entries of a list at most: what a body can carry, and what the store writes with each change. */
export const addressesMax = 1_000_000;

/** Entries between two rests: some milliseconds. */
const sliceSize = 2_000;

/** Bad entries that are named one by one. */
const problemsMax = 100;

/** What a reader has and a writer may send back; it is left out. */
const viewKeys = new Set(['name', 'ranges', 'origin']);

/** Lists whose entries are in normal form and stand there once each. */
const normalLists = new WeakSet<IAddressList>();

/** What was changed to make a list of the one before it. */
export interface IAddressChange {
  add: readonly string[];
  remove: readonly string[];
}

/**
 * Makes a list of what a client sent: entries come into their normal form, and each stands there once.
 *
 * @throws DcError `ACCESS_INVALID` naming the first 100 bad entries.
 */
export function parseList(name: string, input: unknown): IAddressList {
  if (isObject(input) && normalLists.has(input as unknown as IAddressList)) {
    return input as unknown as IAddressList;
  }
  return atOnce(listSteps(name, input));
}

/** The same for one that may be long: it rests now and then, so that traffic goes on. */
export function readList(name: string, input: unknown): Promise<IAddressList> {
  return inSlices(listSteps(name, input));
}

function* listSteps(name: string, input: unknown): Generator<void, IAddressList> {
  if (!isObject(input)) throw notAnObject(accessWords);
  checkListName(name);
  if (typeof input.name === 'string' && input.name !== name) {
    throw refused(accessWords, 'name', 'Must be the name that the address names', {
      value: input.name,
      suggestion: name,
    });
  }
  checkKeys(input, [...viewKeys, 'addresses']);
  const { addresses } = input;
  if (addresses === undefined) throw refused(accessWords, 'addresses', 'Must be there');
  return normalList(name, yield* addressSteps(addresses, 'addresses'));
}

/** @throws DcError `ACCESS_INVALID` for a name that no list can have, or that the API needs. */
function checkListName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) {
    const message = 'Must be at most 64 letters, digits, "-" and "_", not beginning with a sign';
    throw refused(accessWords, 'name', message, { value: name });
  }
  if (name !== 'check') return;
  const message = 'Must be another one: "check" has a meaning of its own in addresses of the API';
  throw refused(accessWords, 'name', message, { value: name });
}

/** Reads a change of a list; rests now and then. @throws DcError `ACCESS_INVALID` */
export function readChange(input: unknown): Promise<IAddressChange> {
  return inSlices(changeSteps(input));
}

function* changeSteps(input: unknown): Generator<void, IAddressChange> {
  if (!isObject(input)) throw notAnObject(accessWords);
  checkKeys(input, ['add', 'remove']);
  return {
    add: yield* addressSteps(input.add ?? [], 'add'),
    remove: yield* addressSteps(input.remove ?? [], 'remove'),
  };
}

/** A list with a change: first the removals, then what is added. */
export function changedList(
  before: IAddressList,
  { add, remove }: IAddressChange,
): { list: IAddressList; added: number; removed: number } {
  const entries = new Set(before.addresses);
  let removed = 0;
  let added = 0;
  for (const address of remove) if (entries.delete(address)) removed++;
  for (const address of add) {
    if (!entries.has(address)) added++;
    entries.add(address);
  }
  return { list: normalList(before.name, [...entries]), added, removed };
}

/** Reads what the store holds. @throws DcError `ACCESS_INVALID` */
export function parseStoredList(stored: TJson): IAddressList {
  const name = isObject(stored) && typeof stored.name === 'string' ? stored.name : '';
  return parseList(name, stored);
}

/** What lists of a configuration were made of. */
const originals = new WeakMap<IAddressList, string>();

/**
 * A list of a configuration in its normal form.
 * @param before what it was before: it is the answer when the same was given.
 */
export function baseList(
  name: string,
  addresses: readonly string[],
  before: IAddressList | undefined,
): IAddressList {
  const original = createHash('sha256').update(addresses.join(' ')).digest('base64');
  if (before !== undefined && originals.get(before) === original) return before;
  const normal = new Set(addresses.map((address) => canonicalCidr(address)));
  // Whoever loaded it has checked it; `checkList` says what is wrong, should that not be so.
  const isGood = !normal.has(undefined);
  const list = { name, addresses: isGood ? ([...normal] as string[]) : addresses };
  if (isGood) normalLists.add(list);
  originals.set(list, original);
  return list;
}

/** @throws DcError `ACCESS_INVALID` for entries that are none. */
export function checkList(list: IAddressList): void {
  if (!normalLists.has(list)) atOnce(addressSteps(list.addresses, 'addresses'));
}

function normalList(name: string, addresses: readonly string[]): IAddressList {
  if (addresses.length > addressesMax) {
    const message = `Must have at most ${addressesMax} entries; it has ${addresses.length}`;
    throw refused(accessWords, 'addresses', message);
  }
  const list = { name, addresses };
  normalLists.add(list);
  return list;
}

function checkKeys(input: Record<string, unknown>, known: readonly string[]): void {
  const odd = Object.keys(input).find((key) => !known.includes(key));
  if (odd === undefined) return;
  const message =
    odd === 'file'
      ? 'Must be absent: a file can be named in the configuration file alone'
      : 'Unknown key';
  throw refused(accessWords, odd, message);
}

/** In normal form, each once, in their order. */
function* addressSteps(input: unknown, path: string): Generator<void, string[]> {
  if (!Array.isArray(input)) throw refused(accessWords, path, 'Must be a list of addresses');
  const problems: IProblem[] = [];
  const entries = new Set<string>();
  let bad = 0;
  for (const [index, given] of input.entries()) {
    const normal = typeof given === 'string' ? canonicalCidr(given) : undefined;
    if (normal !== undefined) entries.add(normal);
    else if (++bad <= problemsMax) problems.push(badAddress(`${path}[${index}]`, given));
    if (index % sliceSize === sliceSize - 1) yield;
  }
  const [first] = problems;
  if (first === undefined) return [...entries];
  if (bad > problemsMax) {
    problems.push({ path, message: `${bad - problemsMax} more are no addresses` });
  }
  const message = `Cannot use this address list: ${first.path}: ${first.message}`;
  throw new DcError('ACCESS_INVALID', message, { problems });
}

function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

async function inSlices<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function badAddress(path: string, given: unknown): IProblem {
  const isShort = typeof given === 'string' && given.length <= 100;
  if (isShort) return { path, message: cidrComplaint(given), value: given };
  return { path, message: 'Must be an address, or a range like 10.0.0.0/8' };
}
