import { recordClass, recordType } from '../codec/types.ts';

/** All records of one owner and type; of RRSIG, those that cover one type. */
export interface IRrset {
  /** Owner in wire form. */
  readonly name: Buffer;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  /**
   * At least one, uncompressed, in canonical order, without duplicates. They lie in the memory of
   * the zone: never write to them.
   */
  readonly rdatas: readonly Buffer[];
  /** Some of the zone's rrset only, drawn for one answer. */
  readonly isPart?: boolean;
}

/** What is kept of an rrset besides its owner. */
export interface IRrsetData {
  readonly type: number;
  readonly ttl: number;
  readonly rdatas: readonly Buffer[];
}

/**
 * An owner's rrsets lie behind each other: type (2 bytes), covered type (2, RRSIG only), TTL (4),
 * length of what follows (4), then each rdata behind its length (2). SOA comes first, then the
 * types in the order of their numbers.
 */
const headBytes = 12;

/** The type that the first of these signatures covers; 0 for other types. */
export function coveredType({ type, rdatas }: Pick<IRrsetData, 'type' | 'rdatas'>): number {
  const first = rdatas[0];
  return type === recordType.RRSIG && first !== undefined ? first.readUInt16BE(0) : 0;
}

/** Packs rrsets with distinct types (and covered types) in any order. */
export function encodeRrsets(rrsets: readonly IRrsetData[]): Buffer {
  const sorted = rrsets.length < 2 ? rrsets : [...rrsets].sort(inOrder);
  let length = 0;
  for (const rrset of sorted) length += headBytes + rdataBytes(rrset.rdatas);
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const rrset of sorted) {
    const { type, ttl, rdatas } = rrset;
    bytes.writeUInt16BE(type, at);
    bytes.writeUInt16BE(coveredType(rrset), at + 2);
    bytes.writeUInt32BE(ttl, at + 4);
    bytes.writeUInt32BE(rdataBytes(rdatas), at + 8);
    at += headBytes;
    for (const rdata of rdatas) {
      bytes.writeUInt16BE(rdata.length, at);
      rdata.copy(bytes, at + 2);
      at += 2 + rdata.length;
    }
  }
  return bytes;
}

function rdataBytes(rdatas: readonly Buffer[]): number {
  let length = 0;
  for (const rdata of rdatas) length += 2 + rdata.length;
  return length;
}

function inOrder(first: IRrsetData, second: IRrsetData): number {
  const difference = rank(first.type) - rank(second.type);
  return difference === 0 ? coveredType(first) - coveredType(second) : difference;
}

function rank(type: number): number {
  return type === recordType.SOA ? 0 : type;
}

/**
 * What a zone holds of one owner, read where it lies. It stays good, and of its version of the
 * zone, for as long as somebody holds it.
 */
export class ZoneNode {
  /** Owner in wire form: of the zone, in lower case; of a lookup, as it was asked for. */
  readonly name: Buffer;
  private readonly bytes: Buffer;
  private readonly start: number;
  private readonly end: number;

  constructor(name: Buffer, bytes: Buffer, start: number, end: number) {
    this.name = name;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  /** Whether the owner has records of the type. */
  has(type: number): boolean {
    return this.find(type) !== -1;
  }

  /** The records of a type; undefined when there are none. Of RRSIG, all, with the lowest TTL. */
  rrset(type: number): IRrset | undefined {
    if (type === recordType.RRSIG) return this.allSignatures();
    const at = this.find(type);
    return at === -1 ? undefined : this.read(at);
  }

  /** The RRSIG records that cover a type, as loaded with the zone; undefined: none. */
  signatures(covered: number): IRrset | undefined {
    for (let at = this.start; at < this.end; at = this.next(at)) {
      const isIt = this.bytes.readUInt16BE(at + 2) === covered;
      if (isIt && this.typeAt(at) === recordType.RRSIG) return this.read(at);
    }
    return undefined;
  }

  /** All rrsets, SOA first, then by type; RRSIG once for each type that it covers. */
  rrsets(): IRrset[] {
    const rrsets: IRrset[] = [];
    for (let at = this.start; at < this.end; at = this.next(at)) rrsets.push(this.read(at));
    return rrsets;
  }

  /** The types that the owner has, ascending. */
  types(): number[] {
    const types = new Set<number>();
    for (let at = this.start; at < this.end; at = this.next(at)) types.add(this.typeAt(at));
    return [...types].sort((first, second) => first - second);
  }

  /** The same records under another name: what a wildcard gives. */
  as(name: Buffer): ZoneNode {
    return new ZoneNode(name, this.bytes, this.start, this.end);
  }

  private find(type: number): number {
    for (let at = this.start; at < this.end; at = this.next(at)) {
      if (this.typeAt(at) === type) return at;
    }
    return -1;
  }

  private typeAt(at: number): number {
    return ((this.bytes[at] as number) << 8) | (this.bytes[at + 1] as number);
  }

  private next(at: number): number {
    return at + headBytes + this.bytes.readUInt32BE(at + 8);
  }

  private read(start: number): IRrset {
    const { bytes, name } = this;
    const end = this.next(start);
    const rdatas: Buffer[] = [];
    for (let at = start + headBytes; at < end; ) {
      const rdataEnd = at + 2 + bytes.readUInt16BE(at);
      rdatas.push(bytes.subarray(at + 2, rdataEnd));
      at = rdataEnd;
    }
    const ttl = bytes.readUInt32BE(start + 4);
    return { name, type: this.typeAt(start), class: recordClass.IN, ttl, rdatas };
  }

  private allSignatures(): IRrset | undefined {
    const parts = this.rrsets().filter(({ type }) => type === recordType.RRSIG);
    const first = parts[0];
    if (first === undefined) return undefined;
    const ttl = Math.min(...parts.map((part) => part.ttl));
    return { ...first, ttl, rdatas: parts.flatMap(({ rdatas }) => rdatas) };
  }
}
