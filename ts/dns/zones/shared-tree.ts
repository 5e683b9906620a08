import type { IOwnerPlace } from '../zone/owner-tree.ts';
import { Zone } from '../zone/zone.ts';

/** Between two pauses as many owners are compared. */
const ownersPerStep = 2_000;
/** Of a zone of which more than this part changed, a version of its own is kept. */
const changedShareMax = 1 / 8;
/** Owners that may differ, however few there are. */
const changedMin = 64;

/** A version that shares memory with an older one. */
export interface ISharedVersion {
  /** Holds what the new version held. */
  readonly zone: Zone;
  /** Owners that differ; null: more than it was worth to count, and nothing is shared. */
  readonly changed: number | null;
}

/**
 * Makes a version that was loaded anew share all that did not change with the older one: so that
 * both together take little more memory than one, and what differs is found at once.
 */
export function* shareInSteps(older: Zone, newer: Zone): Generator<void, ISharedVersion> {
  if (older.tree === newer.tree) return { zone: newer, changed: 0 };
  const max = Math.max(changedMin, Math.floor(older.tree.size * changedShareMax));
  const changes: [string, Buffer | null][] = [];
  for (const change of compared(older, newer)) {
    if (change === null) {
      yield;
      continue;
    }
    changes.push(change);
    if (changes.length > max) return { zone: newer, changed: null };
  }
  let { tree } = older;
  for (const [key, data] of changes) tree = tree.with(key, data);
  return { zone: Zone.of(newer.apex, tree, newer.recordCount), changed: changes.length };
}

/** What differs, in order; null where others may run. */
function* compared(older: Zone, newer: Zone): Generator<[string, Buffer | null] | null, void> {
  const olds = older.tree.entries();
  const news = newer.tree.entries();
  let old = olds.next().value;
  let now = news.next().value;
  for (let count = 1; old !== undefined || now !== undefined; count++) {
    if (count % ownersPerStep === 0) yield null;
    if (now === undefined || (old !== undefined && old.key < now.key)) {
      yield [(old as IOwnerPlace).key, null];
      old = olds.next().value;
    } else if (old === undefined || now.key < old.key) {
      yield [now.key, dataOf(now)];
      now = news.next().value;
    } else {
      if (!dataOf(old).equals(dataOf(now))) yield [now.key, dataOf(now)];
      old = olds.next().value;
      now = news.next().value;
    }
  }
}

function dataOf({ bytes, start, end }: IOwnerPlace): Buffer {
  return bytes.subarray(start, end);
}
