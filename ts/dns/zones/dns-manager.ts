import type { IOwnedRecords } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import { DcError, type IProblem } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import { lowerName, tryParseName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { quoteBytes, RdataError, tokensOf } from '../codec/tokens.ts';
import { ttlMax } from '../codec/ttl.ts';
import { isMetaType, recordType, recordTypeOf } from '../codec/types.ts';
import { occluderOf } from '../dnssec/authority.ts';
import { type IOwnedSet, ownedInfo } from './owned-records.ts';
import { isSameData, setKey } from './record-set.ts';
import type { IHostedZone, IOwnedRecordBook } from './types.ts';
import { zoneInvalid } from './zone-base.ts';
import type { ZoneBook } from './zone-book.ts';

/** What a manager works with; it owns none of it. */
export interface IDnsManagerOptions {
  readonly book: ZoneBook;
  readonly clock: IClock;
  readonly logger: ILogger;
}

/** A TXT record that proves a domain to a certificate authority (RFC 8555 §8.4). */
export interface IChallenge {
  /** E.g. `example.com` or `*.example.com`: both are proved at `_acme-challenge.example.com`. */
  readonly domain: string;
  /** The digest of the key authorization, in base64url. */
  readonly value: string;
  /** @default `acme:` and the domain */
  readonly owner?: string;
}

/** Bytes of one string of a TXT record. */
const stringBytesMax = 255;
/** Seconds of a challenge: nobody shall remember an old one. */
const challengeTtlS = 60;
/** Milliseconds after which a challenge that was forgotten goes. */
const challengeLifeMs = 24 * 3_600_000;
/** Milliseconds until records that could not be removed are tried again. */
const retryMs = 60_000;
/** Characters of an owner or purpose. */
const wordMax = 512;

/**
 * Records that parts of the router, and programs, set in our own zones for a purpose: each with an
 * owner, so that they can be listed and cleaned. They are added to what the zone has, are kept over
 * a restart, and go by themselves when their time is over.
 *
 * @example
 * await manager.setChallenge({ domain: 'example.com', value });
 * await manager.removeChallenge({ domain: 'example.com' });
 */
export class DNSManager implements IOwnedRecordBook {
  private readonly book: ZoneBook;
  private readonly clock: IClock;
  private readonly logger: ILogger;
  private timer: ITimer | null = null;
  private isRunning = false;

  constructor({ book, clock, logger }: IDnsManagerOptions) {
    this.book = book;
    this.clock = clock;
    this.logger = logger;
  }

  /** Begins to remove what has expired; after the zones are there. */
  start(): void {
    this.isRunning = true;
    this.plan();
  }

  /** Removes nothing by itself any more. */
  stop(): void {
    this.isRunning = false;
    this.arm(null);
  }

  /** Whether records at a name, absolute with or without the trailing dot, would be ours and seen. */
  covers(name: string): boolean {
    const place = this.find(name);
    return place !== undefined && !isOccluded(place);
  }

  async set(records: IOwnedRecords): Promise<void> {
    const set = this.read(records);
    const key = setKey(set.name, set.type);
    await this.book.changeOwned(set.zone, () => {
      const before = this.book.ownedRecords().of(set.zone, key).get(set.owner);
      return before !== undefined && isSame(before, set) ? [] : [{ before, set }];
    });
    this.plan();
  }

  async remove(owner: string, name: string, type: string): Promise<boolean> {
    const wire = readName(name);
    const number = recordTypeOf(type);
    if (wire === undefined || number === undefined) return false;
    const key = setKey(wire, number);
    const found = this.find(name)?.zone.id;
    return (
      (await this.removeWhere((set) => {
        return set.owner === owner && setKey(set.name, set.type) === key;
      }, found)) > 0
    );
  }

  removeAll(owner: string): Promise<number> {
    return this.removeWhere((set) => set.owner === owner);
  }

  list(query: { owner?: string; purpose?: string; zone?: string } = {}): readonly IOwnedRecords[] {
    const { owner, purpose, zone } = query;
    return [...this.book.ownedRecords().all()]
      .filter((set) => owner === undefined || set.owner === owner)
      .filter((set) => purpose === undefined || set.purpose === purpose)
      .filter((set) => zone === undefined || set.zone === zone)
      .map(ownedInfo);
  }

  /** Sets one TXT record with this text, however long. @throws as `set` */
  setTxt({
    text,
    ...records
  }: Omit<IOwnedRecords, 'type' | 'data'> & { text: string }): Promise<void> {
    return this.set({ ...records, type: 'TXT', data: [txtData(text)] });
  }

  /** Proves a domain for at most a day. @throws as `set` */
  setChallenge({ domain, value, owner = `acme:${domain}` }: IChallenge): Promise<void> {
    return this.setTxt({
      name: challengeName(domain),
      ttl: challengeTtlS,
      text: value,
      owner,
      purpose: 'acme-challenge',
      expiresAt: new Date(this.clock.now() + challengeLifeMs).toISOString(),
    });
  }

  /** @returns whether there was one. @throws DcError `STORE_FAILED` */
  removeChallenge({
    domain,
    owner = `acme:${domain}`,
  }: Omit<IChallenge, 'value'>): Promise<boolean> {
    return this.remove(owner, challengeName(domain), 'TXT');
  }

  private async removeWhere(
    isWanted: (set: IOwnedSet) => boolean,
    first?: string,
  ): Promise<number> {
    const zones = new Set(first === undefined ? [] : [first]);
    for (const set of this.book.ownedRecords().all()) if (isWanted(set)) zones.add(set.zone);
    let count = 0;
    for (const zone of zones) {
      await this.book.changeOwned(zone, () => {
        const going = this.book.ownedRecords().ofZone(zone).filter(isWanted);
        count += going.length;
        return going.map((before) => ({ before, set: null }));
      });
    }
    return count;
  }

  private find(name: string): { zone: IHostedZone; name: Buffer } | undefined {
    const wire = readName(name);
    const zone = wire === undefined ? undefined : this.book.closest(wire, null);
    if (wire === undefined || zone === undefined || zone.isSecondary) return undefined;
    return { zone, name: wire };
  }

  private read(records: IOwnedRecords): IOwnedSet {
    const { name, owner, purpose, ttl, expiresAt } = records;
    const problems: IProblem[] = [];
    const wire = readName(name);
    if (wire === undefined) {
      problems.push({ path: 'name', message: 'Must be an absolute domain name', value: name });
    }
    const type = recordTypeOf(records.type);
    const isGood = type !== undefined && type !== 0 && !isMetaType(type) && !unfit.has(type);
    if (!isGood) {
      const message = 'Must be a type of plain records, e.g. TXT';
      problems.push({ path: 'type', message, value: records.type });
    }
    if (ttl !== undefined && !(Number.isInteger(ttl) && ttl >= 0 && ttl <= ttlMax)) {
      problems.push({ path: 'ttl', message: `Must be 0 to ${ttlMax} seconds`, value: ttl });
    }
    for (const [path, word] of [
      ['owner', owner],
      ['purpose', purpose],
    ] as const) {
      if (isWord(word)) continue;
      problems.push({ path, message: `Must be a text of 1 to ${wordMax} characters` });
    }
    const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
    if (Number.isNaN(expiresAtMs)) {
      problems.push({ path: 'expiresAt', message: 'Must be a date by ISO 8601', value: expiresAt });
    }
    const rdatas = isGood ? readRdatas(type, records.data, problems) : [];
    if (problems.length > 0 || wire === undefined || type === undefined) {
      throw zoneInvalid('Cannot set the records', problems);
    }
    const place = this.find(name);
    if (place === undefined) {
      throw new DcError('ZONE_UNKNOWN', `No primary zone of ours has the name "${name}"`);
    }
    if (isOccluded(place)) {
      const message = `The name is not answered by "${place.zone.id}": it is below a delegation`;
      throw zoneInvalid('Cannot set the records', [{ path: 'name', message, value: name }]);
    }
    return { zone: place.zone.id, name: wire, type, ttl, rdatas, owner, purpose, expiresAtMs };
  }

  /** Waits for what expires first. */
  private plan(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const { expiresAtMs = first } of this.book.ownedRecords().all()) {
      first = Math.min(first, expiresAtMs);
    }
    this.arm(first === Number.POSITIVE_INFINITY ? null : first - this.clock.now());
  }

  /** There is one timer at most. @param delayMs null: there is nothing to wait for. */
  private arm(delayMs: number | null): void {
    this.timer?.cancel();
    this.timer = null;
    if (delayMs === null || !this.isRunning) return;
    this.timer = this.clock.setTimeout(() => void this.expire(), delayMs);
  }

  private async expire(): Promise<void> {
    const nowMs = this.clock.now();
    try {
      await this.removeWhere(
        ({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= nowMs,
      );
    } catch (error) {
      const message = 'Records that have expired cannot be removed';
      this.logger.error('zone.failed', message, { error });
      this.arm(retryMs);
      return;
    }
    this.plan();
  }
}

/** Types that are the zone's alone, or of which signing makes all records. */
const unfit: ReadonlySet<number> = new Set([
  recordType.SOA,
  recordType.ALIAS,
  recordType.RRSIG,
  recordType.NSEC,
  recordType.NSEC3,
  recordType.NSEC3PARAM,
  recordType.DNSKEY,
]);

/** A text as the data of a TXT record: in quotes, in strings of at most 255 bytes. */
export function txtData(text: string): string {
  const bytes = Buffer.from(text);
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += stringBytesMax) {
    parts.push(quoteBytes(bytes.subarray(at, at + stringBytesMax)));
  }
  return parts.join(' ');
}

function readRdatas(type: number, data: readonly string[], problems: IProblem[]): Buffer[] {
  if (data.length === 0) problems.push({ path: 'data', message: 'Must have at least one record' });
  return data.flatMap((text, index) => {
    try {
      return [rdataCodec(type).parse(tokensOf(text), Buffer.alloc(1))];
    } catch (error) {
      if (!(error instanceof RdataError)) throw error;
      problems.push({ path: `data[${index}]`, message: error.message, value: text });
      return [];
    }
  });
}

function readName(text: string): Buffer | undefined {
  const name = tryParseName(text);
  return name === null ? undefined : lowerName(name);
}

function challengeName(domain: string): string {
  return `_acme-challenge.${domain.replace(/^\*\./, '')}`;
}

function isOccluded({ zone, name }: { zone: IHostedZone; name: Buffer }): boolean {
  const key = zone.source?.keyOf(name);
  return key === undefined || zone.source === null || occluderOf(zone.source, key) !== undefined;
}

function isWord(text: string): boolean {
  return text.length > 0 && text.length <= wordMax && text.isWellFormed() && !text.includes('\0');
}

function isSame(one: IOwnedSet, other: IOwnedSet): boolean {
  const { ttl: left = -1, ...rest } = one;
  const { ttl: right = -1 } = other;
  const isSameEnd = one.purpose === other.purpose && one.expiresAtMs === other.expiresAtMs;
  return isSameEnd && isSameData({ ...rest, ttl: left }, { ...other, ttl: right });
}
