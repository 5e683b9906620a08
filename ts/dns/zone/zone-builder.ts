import { formatName, lowerName } from '../codec/name.ts';
import { recordType, recordTypeName } from '../codec/types.ts';
import type { IMasterRecord } from './master-file.ts';
import { coveredType, encodeRrsets, type IRrsetData } from './owner-data.ts';
import { ownerKey, ownerName } from './owner-key.ts';
import { TreeBuilder } from './owner-tree.ts';
import { RecordHeap } from './record-heap.ts';
import { conflictsOf, normalRrsets } from './rrset-data.ts';
import { Zone } from './zone.ts';
import type { TSeverity, ZoneProblems } from './zone-problem.ts';

/** Where a record was read. */
export interface IRecordPlace {
  readonly file?: string;
  readonly line?: number;
}

/** Finds the first record of an owner, by its key, and type; nothing when it is not known. */
export type TRecordPlaces = (key: string, type: number) => IRecordPlace;

/** Between two of its pauses the builder handles as many owners. */
const ownersPerStep = 2_000;
/** Keys that are sorted in one go. */
const keysPerSort = 50_000;

/**
 * Collects records in any order and makes a zone of them. Records that are outside of the zone, or
 * there already, are left out with a warning; of different TTLs in an rrset the first counts.
 */
export class ZoneBuilder {
  private readonly apex: Buffer;
  private readonly problems: ZoneProblems;
  private readonly fileName: string | undefined;
  private readonly owners = new Map<string, number>();
  private readonly heap = new RecordHeap();
  /** Files in the order in which they were read, with the first record that each gave. */
  private readonly files: { from: number; file: string | undefined }[] = [];
  private lastName: Buffer | undefined;
  private lastOwner = 0;
  /** Every record could be read: what is missing is not in the file. */
  private isWhole = true;

  /**
   * @param problems gets what is wrong.
   * @param fileName of the whole, for what is missing in it. @default none
   */
  constructor(apex: Buffer, problems: ZoneProblems, fileName?: string) {
    this.apex = lowerName(apex);
    this.problems = problems;
    this.fileName = fileName;
  }

  /** Takes a record; its buffers are not needed afterwards. */
  add(record: IMasterRecord): void {
    const { name, type, ttl, rdata } = record;
    if (name !== this.lastName) {
      const key = ownerKey(name, this.apex);
      if (key === undefined) {
        const message = `The name is not in the zone "${formatName(this.apex)}" and is left out`;
        this.report('warning', name, type, message, () => placeOfRecord(record.file, record.line));
        return;
      }
      this.lastName = name;
      this.lastOwner = this.owners.get(key) ?? this.owners.size;
      this.owners.set(key, this.lastOwner);
    }
    if (this.files.at(-1)?.file !== record.file) {
      this.files.push({ from: this.heap.count, file: record.file });
    }
    this.heap.push(this.lastOwner, type, ttl, rdata, record.line);
  }

  /** Where the first record of a type was; while the builder lives. */
  readonly placeOf: TRecordPlaces = (key, type) => {
    const owner = this.owners.get(key);
    const records = owner === undefined ? [] : this.heap.records(owner);
    const first = records.find((record) => record.type === type);
    if (first !== undefined) return this.placeAt(first.index);
    return placeOfRecord(this.fileName, undefined);
  };

  /**
   * Makes the zone, with pauses in which others may run.
   *
   * @returns null when the problems have an error.
   */
  *finish(): Generator<void, Zone | null> {
    const keys = yield* sortInSteps([...this.owners.keys()]);
    this.isWhole = this.problems.errorCount === 0;
    if (keys[0] !== '') this.reportConflicts('', []);
    const tree = new TreeBuilder();
    let records = 0;
    for (const [index, key] of keys.entries()) {
      if (index % ownersPerStep === ownersPerStep - 1) yield;
      const rrsets = this.rrsetsOf(key);
      this.reportConflicts(key, rrsets);
      for (const { rdatas } of rrsets) records += rdatas.length;
      tree.push(key, encodeRrsets(rrsets));
    }
    if (this.problems.errorCount > 0) return null;
    return Zone.of(this.apex, tree.finish(), records);
  }

  private rrsetsOf(key: string): IRrsetData[] {
    const records = this.heap.records(this.owners.get(key) as number);
    const [first] = records;
    if (records.length === 1 && first !== undefined) {
      return [{ type: first.type, ttl: first.ttl, rdatas: [first.rdata] }];
    }
    const groups = Map.groupBy(
      records,
      ({ type, rdata }) => type * 65_536 + coveredType({ type, rdatas: [rdata] }),
    );
    const rrsets: IRrsetData[] = [];
    for (const group of groups.values()) {
      const { type, ttl } = group[0] as (typeof group)[0];
      const rdatas = group.map(({ rdata }) => rdata);
      const [rrset] = normalRrsets({ type, ttl, rdatas }) as [IRrsetData];
      rrsets.push(rrset);
      const odd = group.find((record) => record.ttl !== ttl);
      if (odd !== undefined) {
        const message = `Records of one name and type have one TTL: ${ttl} is taken, not ${odd.ttl}`;
        this.warn(key, type, message, odd.index);
      }
      if (rrset.rdatas.length < rdatas.length) {
        const index = firstTwin(group, rrset.rdatas);
        this.warn(key, type, 'The record is there already and is left out', index);
      }
    }
    return rrsets;
  }

  private warn(key: string, type: number, message: string, index: number): void {
    const name = ownerName(key, this.apex);
    this.report('warning', name, type, message, () => this.placeAt(index));
  }

  private reportConflicts(key: string, rrsets: readonly IRrsetData[]): void {
    if (rrsets.length === 1 && key !== '' && isHarmless(rrsets[0] as IRrsetData)) return;
    for (const { type, message, isMissing } of conflictsOf(rrsets, key === '')) {
      if (isMissing && !this.isWhole) continue;
      const name = ownerName(key, this.apex);
      this.report('error', name, type, message, () => this.placeOf(key, type));
    }
  }

  private placeAt(index: number): IRecordPlace {
    const file = this.files.findLast(({ from }) => from <= index)?.file;
    const line = this.heap.lineOf(index);
    return placeOfRecord(file, line === 0 ? undefined : line);
  }

  private report(
    severity: TSeverity,
    name: Buffer,
    type: number,
    message: string,
    place: () => IRecordPlace,
  ): void {
    this.problems.add(severity, () => {
      const path = `${formatName(name)} ${recordTypeName(type)}`;
      return { path, message, ...place() };
    });
  }
}

/** Without the members that are not known. */
function placeOfRecord(file: string | undefined, line: number | undefined): IRecordPlace {
  return {
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
  };
}

/** The first record that was left out: one that is not itself in the rrset, or comes twice. */
function firstTwin(
  group: readonly { rdata: Buffer; index: number }[],
  kept: readonly Buffer[],
): number {
  const left = new Set(kept.map((rdata) => rdata.toString('latin1')));
  return group.find(({ rdata }) => !left.delete(rdata.toString('latin1')))?.index ?? 0;
}

function isHarmless({ type, rdatas }: IRrsetData): boolean {
  return rdatas.length === 1 && type !== recordType.SOA;
}

/** Sorts parts, then merges them two by two: no step takes long. */
function* sortInSteps(keys: string[]): Generator<void, string[]> {
  let runs: string[][] = [];
  for (let at = 0; at < keys.length; at += keysPerSort) {
    runs.push(keys.slice(at, at + keysPerSort).sort());
    yield;
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const right = runs[index + 1];
      const left = runs[index] as string[];
      merged.push(right === undefined ? left : yield* mergeInSteps(left, right));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergeInSteps(left: string[], right: string[]): Generator<void, string[]> {
  if ((left.at(-1) as string) < (right[0] as string)) return left.concat(right);
  const merged: string[] = [];
  let at = 0;
  for (const key of left) {
    while (at < right.length && (right[at] as string) < key) merged.push(right[at++] as string);
    merged.push(key);
    if (merged.length % keysPerSort === 0) yield;
  }
  while (at < right.length) merged.push(right[at++] as string);
  return merged;
}
