import type { IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import { nameKey, nameOfKey, type TName } from '../codec/name.ts';
import { soaMinimumS } from '../codec/soa.ts';
import { rcode, recordType } from '../codec/types.ts';

/** A question of class IN, as the resolver's parts hand it to each other. */
export interface IAsked {
  /** In lower case. */
  readonly name: TName;
  readonly type: number;
  /** CD: the answer is wanted even when it is bogus. */
  readonly checkingDisabled: boolean;
}

/**
 * What is known of an answer's signatures (RFC 4033 §5). `unchecked`: nobody looked. Bogus answers
 * are given to those only who asked with CD.
 */
export type TSecurity = 'secure' | 'insecure' | 'bogus' | 'indeterminate' | 'unchecked';

/** An answer, with the TTLs that the records have at this moment. */
export interface IAnswer {
  /** NOERROR, NXDOMAIN, or a failure: SERVFAIL, REFUSED, … */
  readonly rcode: number;
  /** CNAME and DNAME records that lead to it, and the record set; with RRSIG where there are any. */
  readonly answer: readonly IRecord[];
  /** Of a negative answer: the SOA record, and NSEC or NSEC3 with RRSIG where there are any. */
  readonly authority: readonly IRecord[];
  readonly security: TSecurity;
  /**
   * Why it failed (RFC 8914); null: there is nothing to say. The text may hold addresses of servers:
   * strangers get the code only.
   */
  readonly extendedError: IExtendedError | null;
}

/** Answers a question from somewhere else than the cache. Never rejects for what servers do. */
export interface IAnswerSource {
  answer(asked: IAsked, work: IWork): Promise<IAnswer>;
}

/** What one client's question may still cost, and how a source looks up what it needs besides. */
export interface IWork {
  readonly budget: IBudget;
  /** Look-ups around this one: 0 for what the client asked. */
  readonly depth: number;
  /** Is told of each query; null: nobody listens. */
  readonly trace: TTrace | null;
  /** Asks through the cache. A question that waits for itself is answered with SERVFAIL. */
  lookup(asked: IAsked): Promise<IAnswer>;
}

/** One query to a server on the way to an answer; for people. */
export interface ITraceStep {
  /** Look-ups around the one that it belongs to: 0 for the question itself. */
  readonly depth: number;
  /** The zone that the server was asked as a server of; null: it was asked as a resolver. */
  readonly zone: string | null;
  /** Address of the server. */
  readonly server: string;
  readonly name: string;
  readonly type: string;
  /** `answer`, `referral`, `nodata`, `nxdomain`, `timeout`, or why it was of no use. */
  readonly outcome: string;
  readonly durationMs: number;
}

/** Listens to the queries that an answer costs. */
export type TTrace = (step: ITraceStep) => void;

/** Bounds the work for one client's question, with all that it leads to. */
export interface IBudget {
  /** Takes one query to a server; false: there is none left, or no time. */
  takeQuery(): boolean;
  /** Takes one look-up of a name server's address (NXNSAttack, CVE-2020-12662); false: none left. */
  takeAddressLookup(): boolean;
  /** The look-up that was taken needed no query. */
  giveBackAddressLookup(): void;
  /** Queries that were taken. */
  readonly queriesTaken: number;
  /** Milliseconds until the answer must be there; 0: it is too late. */
  leftMs(): number;
}

/** The key of a question in a `Map`. A type of 0 stands for all types of the name. */
export function askedKey(name: TName, type: number, checkingDisabled: boolean): string {
  return String.fromCharCode(type >> 8, type & 255, checkingDisabled ? 1 : 0) + nameKey(name);
}

/** The question of a key that `askedKey` made. */
export function askedOfKey(key: string): IAsked {
  const type = key.charCodeAt(0) * 256 + key.charCodeAt(1);
  return { name: nameOfKey(key.slice(3)), type, checkingDisabled: key.charCodeAt(2) === 1 };
}

/** Whether it says something about the name, be it that there is nothing. */
export function isUsable(answer: IAnswer): boolean {
  return answer.rcode === rcode.NOERROR || answer.rcode === rcode.NXDOMAIN;
}

/** An answer that says only that, and why, there is none. */
export function failure(extendedError: IExtendedError | null, number: number = rcode.SERVFAIL) {
  const answer: IAnswer = {
    rcode: number,
    answer: [],
    authority: [],
    security: 'unchecked',
    extendedError,
  };
  return answer;
}

/**
 * Seconds for which the answer holds: the least TTL of its records; of a negative one also the
 * SOA's MINIMUM (RFC 2308 §5). A negative answer without SOA, and a failure, hold for none.
 */
export function ttlSecondsOf(answer: IAnswer, type: number): number {
  if (!isUsable(answer)) return 0;
  let ttl = Number.POSITIVE_INFINITY;
  for (const record of answer.answer) ttl = Math.min(ttl, record.ttl);
  if (!isNegative(answer, type)) return ttl;
  const soa = answer.authority.find((record) => record.type === recordType.SOA);
  if (soa === undefined) return 0;
  for (const record of answer.authority) ttl = Math.min(ttl, record.ttl);
  return Math.min(ttl, soaMinimumS(soa.rdata));
}

/** Whether the answer is that the name, or the one it leads to, has no such records. */
export function isNegative(answer: IAnswer, type: number): boolean {
  if (answer.rcode === rcode.NXDOMAIN) return true;
  if (type === recordType.ANY) return answer.answer.length === 0;
  return !answer.answer.some((record) => record.type === type);
}

/** The weaker of two: a chain is as secure as its weakest link. */
export function weaker(one: TSecurity, other: TSecurity): TSecurity {
  return securityOrder.indexOf(one) <= securityOrder.indexOf(other) ? one : other;
}

const securityOrder: readonly TSecurity[] = [
  'bogus',
  'indeterminate',
  'unchecked',
  'insecure',
  'secure',
];
