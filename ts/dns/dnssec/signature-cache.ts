import type { IRrset } from '../zone/owner-data.ts';

/** Signatures of one rrset. */
export interface IKeptSignatures {
  readonly rrset: IRrset;
  readonly signatures: readonly Buffer[];
  /** Seconds since the epoch from which they are made anew. */
  readonly renewalS: number;
}

/**
 * Signatures by owner and type. A signature is handed out only for exactly the records that it was
 * made for, so that a changed rrset needs no word to the cache. When it is full, what was made
 * first goes.
 */
export class SignatureCache {
  private readonly entriesMax: number;
  private readonly entries = new Map<string, IKeptSignatures>();

  constructor(entriesMax: number) {
    this.entriesMax = entriesMax;
  }

  /** Rrsets whose signatures are kept. */
  get size(): number {
    return this.entries.size;
  }

  /** Signatures of the rrset that need no renewal yet. */
  get(key: string, rrset: IRrset, nowS: number): IKeptSignatures | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || nowS >= entry.renewalS) return undefined;
    return isSame(entry.rrset, rrset) ? entry : undefined;
  }

  /** Keeps signatures until their renewal. */
  set(key: string, entry: IKeptSignatures): void {
    // At the end of the order again, also when it was there before.
    this.entries.delete(key);
    if (this.entries.size >= this.entriesMax) {
      const oldest = this.entries.keys().next().value;
      if (oldest !== undefined) this.entries.delete(oldest);
    }
    this.entries.set(key, entry);
  }

  /** Rrsets whose signatures are to be made anew, at most so many. */
  due(nowS: number, max: number): [key: string, rrset: IRrset][] {
    const due: [string, IRrset][] = [];
    for (const [key, entry] of this.entries) {
      if (due.length >= max) break;
      if (nowS >= entry.renewalS) due.push([key, entry.rrset]);
    }
    return due;
  }

  /** Forgets all. */
  clear(): void {
    this.entries.clear();
  }
}

function isSame(one: IRrset, other: IRrset): boolean {
  if (one.rdatas === other.rdatas) return one.ttl === other.ttl;
  if (one.ttl !== other.ttl || one.rdatas.length !== other.rdatas.length) return false;
  return one.rdatas.every((rdata, index) => rdata.equals(other.rdatas[index] as Buffer));
}
