import type { IMessage, IRecord } from '../codec/message.ts';
import {
  equalNames,
  isSubdomain,
  labelCount,
  lowerName,
  nameKey,
  replaceSuffix,
  type TName,
} from '../codec/name.ts';
import { soaMinimumS } from '../codec/soa.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import { addressOf } from './address.ts';
import type { IZoneServer } from './delegations.ts';
import { authorityAt } from './root-hints.ts';

/** What a zone's server said, and nothing that it had no say in. */
export type TFinding =
  /** The records, or, for another type, the alias that stands in their place. */
  | {
      readonly kind: 'answer';
      readonly records: readonly IRecord[];
      /** Where an alias leads; null: there is none. */
      readonly target: TName | null;
      /** Proofs that come with an answer from a wildcard. */
      readonly authority: readonly IRecord[];
    }
  | {
      readonly kind: 'nodata' | 'nxdomain';
      readonly authority: readonly IRecord[];
    }
  | {
      readonly kind: 'referral';
      readonly zone: TName;
      readonly servers: readonly IZoneServer[];
      readonly ttlSeconds: number;
    }
  /** The server is of no use for this zone. */
  | { readonly kind: 'lame'; readonly reason: string };

/** Name servers of a delegation that count; more are left out (NXNSAttack). */
const serversMax = 20;
/** Addresses of one of them that count. */
const gluePerServerMax = 6;

/**
 * Reads the answer of a server of `zone`, by the bailiwick rule: only what lies in the zone, and
 * only what the question asked for. A CNAME is followed by asking again, so that no record behind it
 * is believed; a referral leads down, towards the name; glue counts for the servers of that very
 * referral only (RFC 2181 §5.4.1, RFC 5452 §6).
 */
export function readFinding(
  message: IMessage,
  zone: TName,
  name: TName,
  type: number,
  ipv6: boolean,
): TFinding {
  const { rcode: code } = message;
  if (code !== rcode.NOERROR && code !== rcode.NXDOMAIN && code !== rcode.YXDOMAIN) {
    return { kind: 'lame', reason: `rcode ${code}` };
  }
  const answer = recordsIn(message.answer, zone);
  const authority = recordsIn(message.authority, zone);
  const found = answerIn(answer, authority, name, type);
  if (found !== null) {
    // RFC 1035 §4.1.1: AA is of the name in the question. A cache that is taken for a server of the
    // zone has RA instead.
    const isCache = !message.authoritative && message.recursionAvailable;
    return isCache ? { kind: 'lame', reason: 'it answers from a cache' } : found;
  }
  if (code === rcode.YXDOMAIN) return { kind: 'lame', reason: 'a name that is too long' };
  const soa = authority.find(({ name: apex, type: of }) => {
    return of === recordType.SOA && isSubdomain(name, apex);
  });
  if (code === rcode.NOERROR && soa === undefined) {
    const referral = referralIn(message, authority, zone, name, ipv6);
    if (referral !== null) return referral;
  }
  return negativeOf(message, authority, soa);
}

/** The records of a section that lie in the zone, with owners in lower case. */
export function recordsIn(section: readonly IRecord[], zone: TName): IRecord[] {
  return section
    .filter(({ name, class: of }) => of === recordClass.IN && isSubdomain(name, zone))
    .map(lowered);
}

/** The drawn case of our question must not stay in what we keep. */
function lowered(record: IRecord): IRecord {
  const name = lowerName(record.name);
  return name === record.name ? record : { ...record, name };
}

/** Records or alias. */
export type TFoundAnswer = Extract<TFinding, { kind: 'answer' }>;

/**
 * What an answer section has for a name: the records of the type, or the alias in their place.
 *
 * @param authority where proofs for an answer from a wildcard are.
 * @returns null when there is neither.
 */
export function answerIn(
  answer: readonly IRecord[],
  authority: readonly IRecord[],
  name: TName,
  type: number,
): TFoundAnswer | null {
  const own = answer.filter((record) => equalNames(record.name, name));
  const isAny = type === recordType.ANY;
  const byDname = dnameIn(answer, authority, name);
  if (byDname !== null) {
    // The alias is what was asked for, and only the DNAME proves it.
    const isEnd = isAny || type === recordType.CNAME;
    return isEnd ? { ...byDname, target: null } : byDname;
  }
  const direct = isAny ? own : withSignatures(own, type);
  if (direct.some((record) => isAny || record.type === type)) {
    return foundWith(direct, null, authority);
  }
  const alias = own.find((record) => record.type === recordType.CNAME);
  if (alias === undefined) return null;
  // Two CNAME records at a name are against RFC 2181 §10.1: the first counts.
  const records = withSignatures(own, recordType.CNAME).filter((record) => {
    return record.type !== recordType.CNAME || record === alias;
  });
  const target = lowerName(alias.rdata);
  return foundWith(records, target, authority);
}

/** Only of what was made from a wildcard it has to be proven that there is nothing closer. */
function foundWith(
  records: readonly IRecord[],
  target: TName | null,
  authority: readonly IRecord[],
): TFoundAnswer {
  const isExpanded = records.some(({ name, type, rdata }) => {
    const labels = rdata[3];
    return type === recordType.RRSIG && labels !== undefined && labels < labelCount(name);
  });
  return { kind: 'answer', records, target, authority: isExpanded ? proofs(authority) : [] };
}

/** A DNAME above the name; the CNAME is made here, not taken from the server (RFC 6672 §3.1). */
function dnameIn(
  answer: readonly IRecord[],
  authority: readonly IRecord[],
  name: TName,
): TFoundAnswer | null {
  const dname = answer.find((record) => {
    const isAbove = record.name.length < name.length && isSubdomain(name, record.name);
    return record.type === recordType.DNAME && isAbove;
  });
  if (dname === undefined) return null;
  const target = replaceSuffix(name, dname.name, lowerName(dname.rdata));
  // RFC 6672 §2.2: the name would be too long, which is YXDOMAIN.
  if (target === null) return null;
  const owned = answer.filter((record) => equalNames(record.name, dname.name));
  const records = withSignatures(owned, recordType.DNAME).filter((record) => {
    return record.type !== recordType.DNAME || record === dname;
  });
  const { ttl } = dname;
  const alias = { name, type: recordType.CNAME, class: recordClass.IN, ttl, rdata: target };
  return foundWith([...records, alias], target, authority);
}

/** The records of a type, and the signatures that cover it. */
function withSignatures(records: readonly IRecord[], type: number): IRecord[] {
  return records.filter((record) => {
    if (record.type === type) return true;
    const isSignature = record.type === recordType.RRSIG && record.rdata.length > 2;
    return isSignature && record.rdata.readUInt16BE(0) === type;
  });
}

const proofTypes: ReadonlySet<number> = new Set([
  recordType.NSEC,
  recordType.NSEC3,
  recordType.RRSIG,
]);

function proofs(authority: readonly IRecord[]): IRecord[] {
  return authority.filter((record) => {
    if (record.type !== recordType.RRSIG) return proofTypes.has(record.type);
    const covered = record.rdata.length > 2 ? record.rdata.readUInt16BE(0) : 0;
    return covered === recordType.NSEC || covered === recordType.NSEC3;
  });
}

function negativeOf(
  message: IMessage,
  authority: readonly IRecord[],
  soa: IRecord | undefined,
): TFinding {
  const kind = message.rcode === rcode.NXDOMAIN ? 'nxdomain' : 'nodata';
  if (soa === undefined) {
    const isServer = message.authoritative && message.answer.length === 0;
    if (!isServer) return { kind: 'lame', reason: 'neither an answer nor a referral' };
    // RFC 2308 §2.2: without a SOA it is an answer, but one that nobody keeps.
    return { kind, authority: proofs(authority) };
  }
  if (!message.authoritative && message.recursionAvailable) {
    return { kind: 'lame', reason: 'it answers from a cache' };
  }
  return { kind, authority: negativeProofs(authority, soa) };
}

/** What goes with a negative answer: the SOA record, NSEC and NSEC3, and their signatures. */
export function negativeProofs(authority: readonly IRecord[], soa: IRecord): IRecord[] {
  const ttl = Math.min(soa.ttl, soaMinimumS(soa.rdata));
  const signatures = withSignatures(authority, recordType.SOA).filter((record) => {
    return record.type === recordType.RRSIG && equalNames(record.name, soa.name);
  });
  return [{ ...soa, ttl }, ...signatures, ...proofs(authority)];
}

function referralIn(
  message: IMessage,
  authority: readonly IRecord[],
  zone: TName,
  name: TName,
  ipv6: boolean,
): TFinding | null {
  const first = authority.find((record) => record.type === recordType.NS);
  if (first === undefined) return null;
  const child = first.name;
  const isDown = child.length > zone.length && isSubdomain(name, child);
  if (!isDown) return { kind: 'lame', reason: 'it refers to itself or upwards' };
  const records = authority.filter((record) => {
    return record.type === recordType.NS && equalNames(record.name, child);
  });
  const ttlSeconds = Math.min(...records.map((record) => record.ttl));
  const servers = serversOf(records, message, zone, ipv6);
  return { kind: 'referral', zone: child, servers, ttlSeconds };
}

/** The servers that NS records name, with the glue of the message they came in. */
export function serversOf(
  records: readonly IRecord[],
  message: IMessage,
  zone: TName,
  ipv6: boolean,
): IZoneServer[] {
  const servers = new Map<string, IZoneServer>();
  for (const { rdata } of records) {
    const name = lowerName(rdata);
    const key = nameKey(name);
    if (servers.size < serversMax) servers.set(key, serverOf(message, zone, name, ipv6));
  }
  return [...servers.values()];
}

/** A name server with its glue, which counts when it lies in the zone that gives it. */
function serverOf(message: IMessage, zone: TName, name: TName, ipv6: boolean): IZoneServer {
  if (!isSubdomain(name, zone)) return { name, glue: [] };
  const glue = message.additional.filter((record) => {
    const isAddress = record.type === recordType.A || (ipv6 && record.type === recordType.AAAA);
    return isAddress && record.class === recordClass.IN && equalNames(record.name, name);
  });
  const addresses = new Set(glue.map(({ rdata }) => addressOf(rdata)));
  return { name, glue: [...addresses].slice(0, gluePerServerMax).map(authorityAt) };
}
