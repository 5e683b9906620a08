import { ownerName, parentKey } from '../zone/owner-key.ts';
import { runSteps } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import { occluderOf } from './authority.ts';
import { type INsec3Params, nsec3Hash } from './nsec3.ts';

/** A name of the zone in the order of the hashes. */
export interface IHashedOwner {
  readonly hash: Buffer;
  /** Key of the owner, or of the empty non-terminal. */
  readonly key: string;
}

/** Hashes in one bucket, about. */
const bucketFill = 16;
const bucketBitsMax = 24;
/** Names between two pauses. */
const namesPerStep = 500;

/**
 * The names of one version of a zone in the order of their NSEC3 hashes.
 *
 * Hashes are spread evenly, so that the leading bits find the place: a change costs the same in a
 * zone of any size. `update` changes it for the next version; the earlier one cannot be asked any
 * more.
 */
export class Nsec3Chain {
  readonly params: INsec3Params;
  private zone: Zone;
  private shift = 32;
  /** Each in order. */
  private buckets: IHashedOwner[][] = [[]];
  private count = 0;

  private constructor(zone: Zone, params: INsec3Params) {
    this.zone = zone;
    this.params = params;
  }

  /** The chain of a version, made in one go. */
  static of(zone: Zone, params: INsec3Params): Nsec3Chain {
    return runSteps(Nsec3Chain.inSteps(zone, params));
  }

  /** The same, with pauses in which others may run. */
  static *inSteps(zone: Zone, params: INsec3Params): Generator<void, Nsec3Chain> {
    const chain = new Nsec3Chain(zone, params);
    yield* chain.build();
    return chain;
  }

  /** Number of names. */
  get size(): number {
    return this.count;
  }

  /** Takes the chain to another version of the zone. */
  update(zone: Zone): void {
    if (zone === this.zone) return;
    const older = this.zone;
    this.zone = zone;
    const affected = new Set<string>();
    for (const { key } of zone.tree.differences(older.tree)) {
      collectAncestors(key, affected);
      // It may have become, or have been, a delegation: what is below has come or gone.
      const below = `${key}\0`;
      if (occludesEither(key, older, zone)) {
        for (const version of [older, zone]) {
          for (const place of version.tree.entries(below)) {
            if (key !== '' && !place.key.startsWith(below)) break;
            collectAncestors(place.key, affected);
          }
        }
      }
    }
    for (const key of affected) this.settle(key);
    if (this.count > this.buckets.length * bucketFill * 4) runSteps(this.build());
  }

  /** The name with exactly this hash. */
  match(hash: Buffer): IHashedOwner | undefined {
    const bucket = this.buckets[this.slotOf(hash)] as IHashedOwner[];
    return bucket.find((entry) => entry.hash.equals(hash));
  }

  /** The name whose hash is the greatest below this one; before the first comes the last. */
  before(hash: Buffer): IHashedOwner {
    let slot = this.slotOf(hash);
    const first = this.buckets[slot] as IHashedOwner[];
    const within = first.findLast((entry) => Buffer.compare(entry.hash, hash) < 0);
    if (within !== undefined) return within;
    for (;;) {
      slot = slot === 0 ? this.buckets.length - 1 : slot - 1;
      const last = this.buckets[slot]?.at(-1);
      if (last !== undefined) return last;
    }
  }

  /** The name whose hash is the least above this one; behind the last comes the first. */
  after(hash: Buffer): IHashedOwner {
    let slot = this.slotOf(hash);
    const first = this.buckets[slot] as IHashedOwner[];
    const within = first.find((entry) => Buffer.compare(entry.hash, hash) > 0);
    if (within !== undefined) return within;
    for (;;) {
      slot = slot === this.buckets.length - 1 ? 0 : slot + 1;
      const next = this.buckets[slot]?.[0];
      if (next !== undefined) return next;
    }
  }

  /** All names in the order of their hashes. */
  *entries(): Generator<IHashedOwner, void> {
    for (const bucket of this.buckets) yield* bucket;
  }

  /** The hash of the name with this key. */
  hashOf(key: string): Buffer {
    return nsec3Hash(ownerName(key, this.zone.apex), this.params);
  }

  private *build(): Generator<void, void> {
    const keys = new Set<string>();
    let steps = 0;
    for (const { key } of this.zone.tree.entries()) {
      if (++steps % namesPerStep === 0) yield;
      if (occluderOf(this.zone, key) === undefined) collectAncestors(key, keys);
    }
    const bits = Math.ceil(Math.log2(Math.max(1, keys.size / bucketFill)));
    this.shift = 32 - Math.min(bits, bucketBitsMax);
    this.buckets = Array.from({ length: 2 ** (32 - this.shift) }, () => []);
    this.count = 0;
    for (const key of keys) {
      if (++steps % namesPerStep === 0) yield;
      this.add(this.hashOf(key), key);
    }
  }

  private settle(key: string): void {
    const hash = this.hashOf(key);
    const isThere = this.match(hash) !== undefined;
    const shall = this.zone.exists(key) && occluderOf(this.zone, key) === undefined;
    if (shall && !isThere) this.add(hash, key);
    if (isThere && !shall) this.remove(hash);
  }

  private add(hash: Buffer, key: string): void {
    const bucket = this.buckets[this.slotOf(hash)] as IHashedOwner[];
    const at = bucket.findIndex((entry) => Buffer.compare(entry.hash, hash) > 0);
    bucket.splice(at === -1 ? bucket.length : at, 0, { hash, key });
    this.count++;
  }

  private remove(hash: Buffer): void {
    const slot = this.slotOf(hash);
    const bucket = this.buckets[slot] as IHashedOwner[];
    this.buckets[slot] = bucket.filter((entry) => !entry.hash.equals(hash));
    this.count--;
  }

  private slotOf(hash: Buffer): number {
    // A shift by 32 is one by 0.
    return this.shift === 32 ? 0 : hash.readUInt32BE(0) >>> this.shift;
  }
}

/**
 * The key and all above it up to the apex: each of them exists, if only as an empty non-terminal.
 */
function collectAncestors(key: string, keys: Set<string>): void {
  for (let at: string | undefined = key; at !== undefined; at = parentKey(at)) {
    if (at !== key && keys.has(at)) return;
    keys.add(at);
  }
}

function occludesEither(key: string, ...versions: readonly Zone[]): boolean {
  const probe = `${key}\0`;
  const [first, second] = versions.map(
    (zone) => occluderOf(zone, key === '' ? 'x' : probe) !== undefined,
  );
  return first !== second;
}
