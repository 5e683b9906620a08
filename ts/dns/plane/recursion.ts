import type { ClientSet } from '../../net/client-set.ts';
import { recordsOf } from '../answer/encode-sections.ts';
import type { IForeignAnswers, IForeignQuestion } from '../answer/foreign-answers.ts';
import { isProof, withoutProofs } from '../answer/foreign-message.ts';
import type { IDnsClient } from '../answer/query-handler.ts';
import type { UsualQuery } from '../answer/usual-query.ts';
import type { IExtendedError } from '../codec/edns.ts';
import { headerBytes } from '../codec/message.ts';
import { lowerName, nameEnd } from '../codec/name.ts';
import { rcode } from '../codec/types.ts';
import {
  type IPackedAnswer,
  packAnswer,
  unpackAnswer,
  writePackedAnswer,
} from '../resolver/packed-answer.ts';
import { RecentAnswers, recentBytesMax } from './recent-answers.ts';
import type { ResolverService } from './resolver-service.ts';

/** Second 16 bits of the header. */
const flag = { response: 0x8000, available: 0x80, authenticated: 0x20, disabled: 0x10 } as const;
const recursionDesired = 0x0100;

/**
 * Looks up names that are not ours for the clients that may use the resolver. What its cache has is
 * written at once, from the bytes that it keeps.
 */
export class Recursion implements IForeignAnswers {
  reason: IExtendedError | null = null;
  private readonly clients: ClientSet;
  private readonly service: ResolverService;
  private readonly recent = new RecentAnswers();
  /** Kept answers without what only clients with DO get. */
  private readonly plain = new WeakMap<IPackedAnswer, IPackedAnswer>();

  constructor(clients: ClientSet, service: ResolverService) {
    this.clients = clients;
    this.service = service;
  }

  serves({ address }: IDnsClient): boolean {
    return this.clients.contains(address);
  }

  write(query: Buffer, question: UsualQuery, sizeMax: number, out: Buffer): number {
    const { caching, cache } = this.service.current;
    const { nameLength, type, dnssec } = question;
    const header = query.readUInt16BE(2);
    const checkingDisabled = (header & flag.disabled) !== 0;
    const recent = this.recent.find(question, checkingDisabled);
    if (recent !== null && recent.owner === caching && caching.repeat(recent.entry)) {
      if (recent.packed.length > sizeMax) return 0;
      return this.writeOut(recent.packed, cache.ttlOf(recent.entry), header, query, dnssec, out);
    }
    // A refresh that begins here goes on using the name.
    const name = Buffer.from(question.name.subarray(0, nameLength));
    const entry = caching.peek({ name, type, checkingDisabled });
    if (entry === null) return 0;
    const packed = dnssec || isProof(type) ? entry.packed : this.plainOf(entry.packed, type);
    // That of a name further up has another question.
    const isForName = nameEnd(packed.bytes, headerBytes) === headerBytes + nameLength;
    if (!isForName || packed.length > sizeMax || packed.rcode > rcode.NXDOMAIN) return 0;
    if (packed.bytes.length <= recentBytesMax) {
      this.recent.keep({ owner: caching, question, checkingDisabled, entry, packed });
    }
    return this.writeOut(packed, cache.ttlOf(entry), header, query, dnssec, out);
  }

  private writeOut(
    packed: IPackedAnswer,
    ttlOf: (ttl: number) => number,
    header: number,
    query: Buffer,
    dnssec: boolean,
    out: Buffer,
  ): number {
    const checkingDisabled = (header & flag.disabled) !== 0;
    const wantsProof = dnssec || (header & flag.authenticated) !== 0;
    const isProven = packed.security === 'secure' && wantsProof && !checkingDisabled;
    const flags =
      flag.response |
      (header & recursionDesired) |
      flag.available |
      (isProven ? flag.authenticated : 0) |
      (header & flag.disabled) |
      packed.rcode;
    const { extendedError } = packed;
    this.reason = extendedError === null ? null : { code: extendedError.code, text: '' };
    return writePackedAnswer(packed, out, 0, query, flags, ttlOf);
  }

  async answer({ query, own, finish }: IForeignQuestion): Promise<Buffer | null> {
    const [asked] = query.question;
    if (asked === undefined) return null;
    if (own !== null && own.leads === null) {
      // The zone has changed since, and says all there is.
      const authority = recordsOf(own.authority);
      const { rcode: code, reason } = own;
      return finish({ rcode: code, answer: [], authority, isSecure: false, extendedError: reason });
    }
    const name = lowerName(own?.leads ?? asked.name);
    const { checkingDisabled } = query;
    const { type } = asked;
    const { resolver } = this.service.current;
    const { answer } = await resolver.lookupForeign({ name, type, checkingDisabled });
    return finish({ ...answer, isSecure: answer.security === 'secure' });
  }

  private plainOf(packed: IPackedAnswer, type: number): IPackedAnswer {
    const known = this.plain.get(packed);
    if (known !== undefined) return known;
    const plain = strip(packed, type);
    this.plain.set(packed, plain);
    return plain;
  }
}

function strip(packed: IPackedAnswer, type: number): IPackedAnswer {
  const whole = unpackAnswer(packed, (ttl) => ttl);
  const answer = withoutProofs(whole.answer, type);
  const authority = withoutProofs(whole.authority, type);
  if (answer === whole.answer && authority === whole.authority) return packed;
  const end = nameEnd(packed.bytes, headerBytes);
  const name = packed.bytes.subarray(headerBytes, end);
  const asked = { name, type, checkingDisabled: false };
  return packAnswer(asked, { ...whole, answer, authority }, (ttl) => ttl) ?? packed;
}
