import { DcError, type IProblem } from '../../core/errors.ts';
import { formatName, lowerName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { soaSerial, soaWithSerial } from '../codec/soa.ts';
import { ttlMax } from '../codec/ttl.ts';
import { isMetaType, recordType, recordTypeName } from '../codec/types.ts';
import { coveredType, encodeRrsets, type IRrset, type IRrsetData, ZoneNode } from './owner-data.ts';
import { isBelow, ownerKey, ownerName } from './owner-key.ts';
import { type IOwnerPlace, OwnerTree } from './owner-tree.ts';
import { conflictsOf, normalRrsets } from './rrset-data.ts';
import { nextSerial, type TSerialPolicy } from './serial.ts';

/** What shall be at an owner: all records of a type. */
export interface IRrsetChange {
  /** Owner in wire form, in any case. */
  readonly name: Buffer;
  readonly type: number;
  /** Seconds, up to `ttlMax`. */
  readonly ttl: number;
  /** Uncompressed, in any order; none takes the rrset away. */
  readonly rdatas: readonly Buffer[];
  /** Of RRSIG: these cover that type, and those that cover others stay. @default all are meant */
  readonly covered?: number;
}

/** How a change of a zone is made. */
export interface IReplaceOptions {
  /**
   * How the serial rises; `keep` leaves it. A change of the SOA itself brings its own serial.
   *
   * @default 'increment'
   */
  readonly serial?: TSerialPolicy | 'keep';
  /** Milliseconds since the epoch, for the policies that look at the date. @default Date.now() */
  readonly nowMs?: number;
}

/** An rrset before and after a change; undefined: it was not, or is no longer, there. */
export interface IRrsetDifference {
  readonly old: IRrset | undefined;
  readonly new: IRrset | undefined;
}

/** From this part of all owners on, a change makes the tree anew. */
const rebuildShare = 8;

/**
 * One version of a zone: it never changes, so that answers and transfers may read it for as long
 * as they like. It always has a SOA and NS at its apex. Owners are kept in lower case; the case of
 * names in rdata stays.
 */
export class Zone {
  /** In wire form, in lower case. */
  readonly apex: Buffer;
  /** Records in the zone, signatures among them. */
  readonly recordCount: number;
  /** Owners and their data in canonical order. */
  readonly tree: OwnerTree;
  /** Of the SOA. */
  readonly serial: number;
  /** A DNAME at the apex redirects all names below it. */
  readonly apexHasDname: boolean;

  private constructor(apex: Buffer, tree: OwnerTree, recordCount: number) {
    this.apex = apex;
    this.tree = tree;
    this.recordCount = recordCount;
    this.serial = soaSerial(this.soa().rdatas[0] as Buffer);
    this.apexHasDname = this.nodeOf('', apex)?.has(recordType.DNAME) === true;
  }

  /**
   * A zone of these records; `ZoneBuilder` and `loadZone` make big ones from files.
   *
   * @throws DcError `CONFIG_INVALID` with what is wrong: no SOA or NS, CNAME and other data, a
   *   name outside of the zone, rdata that breaks its format.
   */
  static create(apex: Buffer, rrsets: readonly IRrsetChange[]): Zone {
    const lower = lowerName(apex);
    const { edits, records } = editsOf(lower, OwnerTree.empty, [...mergeRrsets(lower, rrsets)]);
    return Zone.of(lower, editTree(OwnerTree.empty, edits), records);
  }

  /** @internal for `ZoneBuilder`: the tree is known to be good. */
  static of(apex: Buffer, tree: OwnerTree, recordCount: number): Zone {
    return new Zone(apex, tree, recordCount);
  }

  /** The SOA with its one record. */
  soa(): IRrset {
    const soa = this.nodeOf('', this.apex)?.rrset(recordType.SOA);
    if (soa === undefined) throw new Error('A zone without a SOA was made');
    return soa;
  }

  /** The key of a name in this zone; undefined when the name is not in it. */
  keyOf(name: Buffer): string | undefined {
    return ownerKey(name, this.apex);
  }

  /** What the owner of a name, in any case, has; undefined when it has no records. */
  node(name: Buffer): ZoneNode | undefined {
    const key = this.keyOf(name);
    return key === undefined ? undefined : this.nodeOf(key);
  }

  /** The same by key. @param name which the node bears; default: the owner's. */
  nodeOf(key: string, name?: Buffer): ZoneNode | undefined {
    const place = this.tree.get(key);
    return place === undefined ? undefined : this.nodeAt(place, name);
  }

  /**
   * The records of a name, in any case, and type that the zone holds, be they glue, below a
   * delegation or a CNAME: `lookup` says what to answer.
   */
  rrset(name: Buffer, type: number): IRrset | undefined {
    return this.node(name)?.rrset(type);
  }

  /** Whether a name of that key exists: with records, or as an empty non-terminal (RFC 8020). */
  exists(key: string): boolean {
    if (this.tree.get(key) !== undefined) return true;
    const after = this.tree.after(key);
    return after !== undefined && isBelow(after.key, key);
  }

  /** The owners in canonical order, glue and what is occluded among them. */
  *nodes(): Generator<ZoneNode, void> {
    for (const place of this.tree.entries()) yield this.nodeAt(place);
  }

  /** All rrsets: the SOA, the rest of the apex, then the other owners in canonical order. */
  *rrsets(): Generator<IRrset, void> {
    for (const node of this.nodes()) yield* node.rrsets();
  }

  /**
   * The version in which the changes, all of them, are made; `this` when they change nothing. Of
   * two changes of one rrset the last counts. It takes a few microseconds for each owner, in a zone
   * of any size.
   *
   * @throws DcError `CONFIG_INVALID` with every change that must not be; nothing is made.
   */
  replace(changes: readonly IRrsetChange[], options: IReplaceOptions = {}): Zone {
    const made = editsOf(this.apex, this.tree, changes);
    if (made.edits.size === 0) return this;
    let { edits } = made;
    const bringsSoa = changes.some(
      ({ name, type }) => type === recordType.SOA && this.keyOf(name) === '',
    );
    const policy = options.serial ?? 'increment';
    if (!bringsSoa && policy !== 'keep') {
      const serial = nextSerial(this.serial, policy, options.nowMs ?? Date.now());
      edits = editsOf(this.apex, this.tree, [...changes, withSerial(this.soa(), serial)]).edits;
    }
    return new Zone(this.apex, editTree(this.tree, edits), this.recordCount + made.records);
  }

  /**
   * Which rrsets differ from an older version, in canonical order: for an IXFR. What both versions
   * share in memory is passed over.
   */
  *differences(older: Zone): Generator<IRrsetDifference, void> {
    for (const change of this.tree.differences(older.tree)) {
      const name = ownerName(change.key, this.apex);
      const news = rrsetsOf(name, change.new);
      const olds = rrsetsOf(name, change.old);
      for (const [id, rrset] of news) {
        const old = olds.get(id);
        olds.delete(id);
        if (old === undefined || !isSame(old, rrset)) yield { old, new: rrset };
      }
      for (const old of olds.values()) yield { old, new: undefined };
    }
  }

  private nodeAt({ key, bytes, start, end }: IOwnerPlace, name?: Buffer): ZoneNode {
    return new ZoneNode(name ?? ownerName(key, this.apex), bytes, start, end);
  }
}

/** The same SOA with another serial. */
export function withSerial(soa: IRrset, serial: number): IRrset {
  return { ...soa, rdatas: [soaWithSerial(soa.rdatas[0] as Buffer, serial)] };
}

/** Rrsets of one name and type that were given apart become one; the first TTL counts. */
function mergeRrsets(apex: Buffer, rrsets: readonly IRrsetChange[]): Iterable<IRrsetChange> {
  const merged = new Map<string, IRrsetChange>();
  for (const rrset of rrsets) {
    const key = ownerKey(rrset.name, apex);
    const id = `${rrset.type} ${key ?? rrset.name.toString('latin1')}`;
    const first = merged.get(id) ?? { ...rrset, rdatas: [] };
    merged.set(id, { ...first, rdatas: [...first.rdatas, ...rrset.rdatas] });
  }
  return merged.values();
}

/** The new data of each owner that differs, and how many records more there are. */
function editsOf(apex: Buffer, tree: OwnerTree, changes: readonly IRrsetChange[]) {
  const problems: IProblem[] = [];
  const byOwner = new Map<string, Map<number, IRrsetChange>>();
  if (tree.size === 0) byOwner.set('', new Map());
  for (const change of changes) {
    const key = ownerKey(change.name, apex);
    const message = key === undefined ? 'The name is not in the zone' : faultOf(change);
    if (message !== undefined) problems.push(problemOf(change.name, change.type, message));
    if (key === undefined) continue;
    const ofOwner = byOwner.get(key) ?? new Map<number, IRrsetChange>();
    byOwner.set(key, ofOwner.set(rrsetId(change.type, change.covered), change));
  }
  if (problems.length > 0) throw refusal(apex, problems);
  const edits = new Map<string, Buffer | null>();
  let records = 0;
  for (const [key, ofOwner] of byOwner) {
    const place = tree.get(key);
    const before = place?.bytes.subarray(place.start, place.end) ?? null;
    const name = ownerName(key, apex);
    const olds = [...rrsetsOf(name, before).values()];
    const kept = olds.filter(
      (old) => !ofOwner.has(rrsetId(old.type)) && !ofOwner.has(rrsetId(old.type, coveredType(old))),
    );
    const given = [...ofOwner.values()].filter(({ rdatas }) => rdatas.length > 0);
    const news = [...kept, ...given.flatMap(normalRrsets)];
    for (const { type, message } of conflictsOf(news, key === '')) {
      problems.push(problemOf(name, type, message));
    }
    const after = news.length === 0 ? null : encodeRrsets(news);
    if (after === null ? before === null : before?.equals(after) === true) continue;
    edits.set(key, after);
    records += countOf(news) - countOf(olds);
  }
  if (problems.length > 0) throw refusal(apex, problems);
  return { edits, records };
}

/** What tells the rrsets of an owner apart. @param covered 0: all of the type. */
function rrsetId(type: number, covered = 0): number {
  return type * 0x10000 + covered;
}

function faultOf({ type, ttl, rdatas }: IRrsetChange): string | undefined {
  if (isMetaType(type)) return 'No zone can hold this type';
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > ttlMax) {
    return `Expected a TTL of 0 to ${ttlMax} seconds, found ${ttl}`;
  }
  const { check } = rdataCodec(type);
  return rdatas.every((rdata) => rdata.length <= 0xffff && check(rdata))
    ? undefined
    : 'The data breaks the format of its type';
}

function problemOf(name: Buffer, type: number, message: string): IProblem {
  return { path: `${formatName(name)} ${recordTypeName(type)}`, message };
}

function refusal(apex: Buffer, problems: readonly IProblem[]): DcError {
  return new DcError('CONFIG_INVALID', `Cannot make the zone "${formatName(apex)}" like that`, {
    problems,
  });
}

function countOf(rrsets: readonly IRrsetData[]): number {
  return rrsets.reduce((count, { rdatas }) => count + rdatas.length, 0);
}

/** By type and, for signatures, covered type. */
function rrsetsOf(name: Buffer, data: Buffer | null): Map<string, IRrset> {
  if (data === null) return new Map();
  const rrsets = new ZoneNode(name, data, 0, data.length).rrsets();
  return new Map(
    rrsets.map((rrset) => {
      const covered = rrset.type === recordType.RRSIG ? rrset.rdatas[0]?.readUInt16BE(0) : 0;
      return [`${rrset.type} ${covered}`, rrset];
    }),
  );
}

function isSame(one: IRrset, other: IRrset): boolean {
  return (
    one.ttl === other.ttl &&
    one.rdatas.length === other.rdatas.length &&
    one.rdatas.every((rdata, index) => rdata.equals(other.rdatas[index] as Buffer))
  );
}

function editTree(tree: OwnerTree, edits: ReadonlyMap<string, Buffer | null>): OwnerTree {
  if (edits.size <= tree.size / rebuildShare) {
    let edited = tree;
    for (const [key, data] of edits) edited = edited.with(key, data);
    return edited;
  }
  return OwnerTree.build(mergedWith(tree, edits));
}

function* mergedWith(
  tree: OwnerTree,
  edits: ReadonlyMap<string, Buffer | null>,
): Generator<readonly [string, Buffer], void> {
  const keys = [...edits.keys()].sort();
  let next = 0;
  function* editsBelow(limit: string | undefined): Generator<readonly [string, Buffer], void> {
    for (; next < keys.length; next++) {
      const key = keys[next] as string;
      if (limit !== undefined && key >= limit) return;
      const data = edits.get(key);
      if (data) yield [key, data];
    }
  }
  for (const { key, bytes, start, end } of tree.entries()) {
    yield* editsBelow(key);
    if (!edits.has(key)) yield [key, bytes.subarray(start, end)];
  }
  yield* editsBelow(undefined);
}
