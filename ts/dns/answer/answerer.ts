import { type ICookie, readCookie } from '../codec/cookie.ts';
import {
  ednsOption,
  extendedErrorOption,
  findOption,
  type IEdns,
  type IEdnsOption,
  type IExtendedError,
  keepaliveOption,
  paddingOption,
} from '../codec/edns.ts';
import { encodeMessage, messageBytesMax } from '../codec/encode.ts';
import {
  decodeMessage,
  headerBytes,
  type IMessage,
  type IMessageError,
  type IQuestion,
  type IRecord,
  isMessageError,
} from '../codec/message.ts';
import { lowerName, type TName } from '../codec/name.ts';
import { readTsig, refuseMessage } from '../codec/tsig.ts';
import { isMetaType, opcode, rcode, recordClass, recordType } from '../codec/types.ts';
import { AnswerCache, hashOf, mix, wholeBytesMax } from './answer-cache.ts';
import {
  type IAnswererOptions,
  type TAnswererOptions,
  udpSizeMin,
  withDefaults,
} from './answerer-options.ts';
import { CutAnswers } from './cut-answers.ts';
import { encodeForDatagram, encodeSections } from './encode-sections.ts';
import { type IForeignAnswer, type IForeignAnswers, isForeign } from './foreign-answers.ts';
import { encodeForeign } from './foreign-message.ts';
import {
  type IDnsClient,
  type IQueryHandler,
  type IReplyFacts,
  streamed,
} from './query-handler.ts';
import { isForSpecial, reasonOf, refusalOf, withoutRecords } from './refusals.ts';
import {
  asksForNsid,
  countOpt,
  type IReplyOpt,
  optSize,
  plainOptBytes,
  replyCookie,
  writeOpt,
  writePlainOpt,
} from './reply-opt.ts';
import { type ISections, sectionsFor } from './sections.ts';
import { UsualQuery } from './usual-query.ts';
import type { ZoneSet } from './zone-set.ts';

/** Signed answers are asked for anew that often: signatures are renewed days before they end. */
const signedGoodMs = 300_000;
/** Answers by DoT and DoH are padded to a multiple of this: RFC 8467 §4.1. */
const paddedBlockBytes = 468;

/** An answer that is ready but for the query's own things. */
interface IMade {
  readonly bytes: Buffer;
  readonly reason: IExtendedError | null;
  /** A resolver has to go on from it. */
  readonly leads: boolean;
}

/** What goes back besides the records. */
interface IReplyParts {
  readonly question: readonly IQuestion[];
  readonly rcode: number;
  readonly opt: IReplyOpt | null;
}

/**
 * Answers queries from a set of zones: from bytes to bytes.
 *
 * The usual question is read in place and answered from a cache of whole messages, of which only
 * id, flags, the case of the name and OPT are written anew. All others are decoded.
 */
export class Answerer implements IQueryHandler {
  readonly reply: { -readonly [Key in keyof IReplyFacts]: IReplyFacts[Key] } = {
    rcode: 0,
    isProven: false,
    questionEnd: headerBytes,
    optStart: headerBytes,
  };
  private readonly zones: ZoneSet;
  private readonly options: TAnswererOptions;
  private readonly cache: AnswerCache;
  private readonly usual = new UsualQuery();
  /** The answer that was made last when it could not be kept. */
  private reason: IExtendedError | null = null;
  private readonly cuts = new CutAnswers();
  /** Whether a resolver has to go on from the answer that was made or found last. */
  private leads = false;

  /** @throws RangeError for a size, name or secret out of its bounds. */
  constructor(zones: ZoneSet, options: IAnswererOptions = {}) {
    const { cache, ...others } = options;
    this.zones = zones;
    this.cache = new AnswerCache(cache);
    this.options = withDefaults(others);
  }

  answer(query: Buffer, client: IDnsClient, out: Buffer): number {
    const { usual, reply } = this;
    reply.isProven = false;
    const isUsual = usual.read(query, this.cache.seed) && !isMetaType(usual.type);
    if (!isUsual) return this.answerOther(query, client, out);
    const { nameLength, hasEdns, dnssec } = usual;
    const { foreign } = this.options;
    const isServed = foreign?.serves(client) === true;
    const isLookedUp = isServed && isRecursive(query);
    const { name, nameHash, type } = usual;
    const isUdp = client.transport === 'udp';
    let bytes = this.kept(name, nameLength, nameHash, type, dnssec, isUdp);
    // A name that we have an answer of is ours; but DS may be the parent's, for who asks us for all.
    if (foreign !== null && isLookedUp && (bytes === null || type === recordType.DS)) {
      const own = name.subarray(0, nameLength);
      if (isForeign(this.zones, own, type)) return this.answerForeign(foreign, query, client, out);
    }
    bytes ??= this.make(name, nameLength, nameHash, type, dnssec, isUdp);
    if (this.leads && isLookedUp) return streamed;
    const opt = hasEdns ? this.usualOpt(query, client, this.reason) : null;
    const optBytes = opt !== null ? optSize(opt) : hasEdns ? plainOptBytes : 0;
    if (bytes.length + optBytes > this.limitOf(client, usual.udpSize)) {
      return this.answerDecoded(query, client, out);
    }
    out.set(bytes);
    const at = bytes.length;
    out[0] = query[0] as number;
    out[1] = query[1] as number;
    out[2] = (out[2] as number) | ((query[2] as number) & 1);
    if (isServed) out[3] = (out[3] as number) | availableFlag;
    const nameEnd = headerBytes + nameLength;
    for (let index = headerBytes; index < nameEnd; index++) out[index] = query[index] as number;
    reply.rcode = (out[3] as number) & 15;
    reply.questionEnd = nameEnd + 4;
    reply.optStart = at;
    return hasEdns ? this.addOpt(out, at, dnssec, opt) : at;
  }

  /** A name that is not ours, for a client of the resolver: kept by it, or looked up. */
  private answerForeign(
    foreign: IForeignAnswers,
    query: Buffer,
    client: IDnsClient,
    out: Buffer,
  ): number {
    const { usual, reply } = this;
    const { nameLength, hasEdns, dnssec, udpSize } = usual;
    const limit = this.limitOf(client, udpSize);
    const length = foreign.write(query, usual, limit, out);
    if (length === 0) return streamed;
    const opt = hasEdns ? this.usualOpt(query, client, foreign.reason) : null;
    const optBytes = opt !== null ? optSize(opt) : hasEdns ? plainOptBytes : 0;
    if (length + optBytes > limit) return streamed;
    reply.rcode = (out[3] as number) & 15;
    reply.questionEnd = headerBytes + nameLength + 4;
    reply.optStart = length;
    return hasEdns ? this.addOpt(out, length, dnssec, opt) : length;
  }

  private addOpt(out: Buffer, at: number, dnssec: boolean, opt: IReplyOpt | null): number {
    countOpt(out);
    if (opt !== null) return writeOpt(out, at, opt);
    return writePlainOpt(out, at, this.options.udpSizeMax, dnssec);
  }

  /** What OPT says to a usual question; null: nothing but our size and DO. */
  private usualOpt(
    query: Buffer,
    client: IDnsClient,
    reason: IExtendedError | null,
  ): IReplyOpt | null {
    const { usual } = this;
    if (usual.cookieLength === 0 && reason === null) return null;
    const options: IEdnsOption[] = [];
    if (usual.cookieLength > 0) this.addCookie(options, usual.cookieOf(query), client);
    if (reason !== null) options.push(extendedErrorOption(reason));
    return this.optWith(usual.dnssec, options);
  }

  /** Answers a cookie, and notes whether it was a good one. */
  private addCookie(options: IEdnsOption[], cookie: ICookie, { address }: IDnsClient): void {
    const { cookieSecrets, clock } = this.options;
    const made = replyCookie(cookieSecrets, cookie, address, Math.floor(clock.now() / 1000));
    this.reply.isProven = made?.isGood === true;
    if (made !== null) options.push(made.option);
  }

  stream(query: Buffer, client: IDnsClient): AsyncIterable<Buffer> {
    const message = decodeMessage(query);
    const { special, foreign } = this.options;
    if (isMessageError(message)) throw new Error('The query is not special');
    if (!isForSpecial(message) && foreign !== null) {
      return this.lookUp(foreign, message, query, client);
    }
    if (special === null) throw new Error('The query is not special');
    return special.answer(message, query, client);
  }

  /** Has the resolver answer, or go on where our zones end. */
  private async *lookUp(
    foreign: IForeignAnswers,
    query: IMessage,
    bytes: Buffer,
    client: IDnsClient,
  ): AsyncGenerator<Buffer> {
    const [asked] = query.question;
    if (asked === undefined) return;
    const dnssec = query.edns?.do === true;
    const own = isForeign(this.zones, asked.name, asked.type)
      ? null
      : this.sectionsOf(asked.name, asked.type, dnssec, false);
    const finish = (answer: IForeignAnswer): Buffer =>
      this.foreignMessage(query, client, own, answer);
    const answer = await foreign.answer({ query, bytes, client, own, finish });
    if (answer !== null) yield answer;
  }

  private foreignMessage(
    query: IMessage,
    client: IDnsClient,
    own: ISections | null,
    answer: IForeignAnswer,
  ): Buffer {
    const { edns } = query;
    const options = edns === null ? [] : this.ownOptions(edns, client);
    const cookie = readCookie(edns);
    if (cookie !== null && cookie !== 'malformed') this.addCookie(options, cookie, client);
    const { extendedError: reason } = answer;
    if (reason !== null) options.push(extendedErrorOption({ code: reason.code, text: '' }));
    const isPadded = isPrivate(client) && findOption(edns, ednsOption.PADDING) !== undefined;
    return encodeForeign(answer, {
      query,
      own,
      opt: edns === null ? null : this.optOf(edns, options),
      sizeMax: this.limitOf(client, edns?.udpSize ?? udpSizeMin),
      paddedBlockBytes: isPadded ? paddedBlockBytes : 0,
    });
  }

  /**
   * The message that was kept for a question of class IN that is not for the message itself: with id
   * 0 and without OPT; of a name in lower case; for UDP cut off when no datagram holds it. Null:
   * `make` makes it.
   */
  private kept(
    name: Buffer,
    nameLength: number,
    nameHash: number,
    type: number,
    dnssec: boolean,
    isUdp: boolean,
  ): Buffer | null {
    const hash = hashOf(nameHash, type, dnssec);
    const kept = this.cache.get(hash, name, nameLength, type, dnssec);
    if (kept === null) return null;
    const isGood =
      kept.version === kept.served.version &&
      kept.generation === this.zones.generation &&
      (kept.goodUntilMs === Infinity || kept.goodUntilMs > this.options.clock.monotonic());
    if (!isGood || (kept.isCut && !isUdp)) return null;
    this.reason = null;
    this.leads = kept.leads;
    return kept.bytes;
  }

  /** The same, made anew. `reason` says what it lacks. */
  private make(
    name: Buffer,
    nameLength: number,
    nameHash: number,
    type: number,
    dnssec: boolean,
    isUdp: boolean,
  ): Buffer {
    const { cache, zones } = this;
    const hash = hashOf(nameHash, type, dnssec);
    const own = Buffer.from(name.subarray(0, nameLength));
    const sections = this.sectionsOf(own, type, dnssec, true);
    const question = { name: own, type, class: recordClass.IN };
    const whole = encodeSections(question, sections, messageBytesMax);
    const isCut = whole.length > wholeBytesMax;
    const bytes = isCut ? encodeForDatagram(question, sections) : whole;
    const { served, signed, reason } = sections;
    const leads = sections.leads !== null;
    this.reason = reason;
    this.leads = leads;
    if (served !== null) {
      const goodUntilMs = signed ? this.options.clock.monotonic() + signedGoodMs : Infinity;
      const made = { bytes, isCut, leads, served, version: served.version, goodUntilMs };
      cache.set({ ...made, nameLength, type, dnssec, hash, generation: zones.generation });
    }
    return isUdp ? bytes : whole;
  }

  private sectionsOf(name: TName, type: number, dnssec: boolean, minimalAny: boolean): ISections {
    const { minimalResponses, random } = this.options;
    return sectionsFor(this.zones, name, type, { dnssec, minimalAny, minimalResponses, random });
  }

  private limitOf({ transport }: IDnsClient, udpSize: number): number {
    if (transport !== 'udp') return messageBytesMax;
    return Math.max(udpSizeMin, Math.min(udpSize, this.options.udpSizeMax));
  }

  /** Whatever is not the usual question. */
  private answerOther(query: Buffer, client: IDnsClient, out: Buffer): number {
    if (query.length < headerBytes || (query[2] as number) & 0x80) return 0;
    const code = ((query[2] as number) >>> 3) & 15;
    const isKnown = code === opcode.QUERY || code === opcode.NOTIFY || code === opcode.UPDATE;
    return isKnown ? this.answerDecoded(query, client, out) : this.answerUnknown(query, out);
  }

  /** What follows the header need not be what it is in a query (RFC 8906 §3.1.4), but EDNS is answered. */
  private answerUnknown(query: Buffer, out: Buffer): number {
    const message = decodeMessage(query);
    const edns = isMessageError(message) ? null : message.edns;
    const opt = edns === null ? null : this.optOf(edns, []);
    return this.write(query, { question: [], rcode: rcode.NOTIMP, opt }, out);
  }

  private answerDecoded(query: Buffer, client: IDnsClient, out: Buffer): number {
    const message = decodeMessage(query);
    if (isMessageError(message)) return this.answerMalformed(message, query, out);
    const { edns, question } = message;
    if (edns !== null && edns.version > 0) {
      const opt = this.optOf(edns, [], rcode.BADVERS);
      return this.write(query, { question, rcode: rcode.BADVERS, opt }, out);
    }
    if (isForSpecial(message)) {
      if (this.options.special?.takes(message, client) === true) return streamed;
      if (message.tsig !== null) return this.answerUnknownKey(message, query, out);
    }
    return this.answerQuery(message, query, client, out);
  }

  private answerMalformed(error: IMessageError, query: Buffer, out: Buffer): number {
    if (error.error === 'drop') return 0;
    return this.write(query, { question: error.question, rcode: rcode.FORMERR, opt: null }, out);
  }

  /** RFC 8945 §5.2.1: nobody here knows a key. */
  private answerUnknownKey(message: IMessage, query: Buffer, out: Buffer): number {
    const { question, edns } = message;
    const tsig = readTsig(message.tsig as IRecord);
    const opt = edns === null ? null : this.optOf(edns, []);
    const code = tsig === null ? rcode.FORMERR : rcode.NOTAUTH;
    const length = this.write(query, { question, rcode: code, opt }, out);
    if (tsig === null) return length;
    const now = Math.floor(this.options.clock.now() / 1000);
    const refusal = refuseMessage(Buffer.from(out.subarray(0, length)), tsig, rcode.BADKEY, now);
    // The names of a key and its algorithm may be long: without room for them there is no TSIG.
    if (refusal.length > udpSizeMin) return length;
    this.note(code, this.reply.questionEnd, refusal.length);
    return refusal.copy(out);
  }

  private answerQuery(message: IMessage, query: Buffer, client: IDnsClient, out: Buffer): number {
    const { edns, question } = message;
    const cookie = readCookie(edns);
    if (cookie === 'malformed') {
      const opt = edns === null ? null : this.optOf(edns, []);
      return this.write(query, { question, rcode: rcode.FORMERR, opt }, out);
    }
    const options: IEdnsOption[] = [];
    if (cookie !== null) this.addCookie(options, cookie, client);
    if (edns !== null) options.push(...this.ownOptions(edns, client));
    const [asked] = question;
    const code = refusalOf(message, client, cookie !== null);
    if (code !== null || asked === undefined) {
      const reason = code === null ? null : reasonOf(message, code);
      if (reason !== null) options.push(extendedErrorOption(reason));
      const opt = edns === null ? null : this.optOf(edns, options);
      return this.write(query, { question, rcode: code ?? rcode.NOERROR, opt }, out);
    }
    return this.answerQuestion(asked, edns, options, { query, client, out });
  }

  private answerQuestion(
    question: IQuestion,
    edns: IEdns | null,
    options: IEdnsOption[],
    { query, client, out }: { query: Buffer; client: IDnsClient; out: Buffer },
  ): number {
    const dnssec = edns?.do === true;
    const isServed = this.options.foreign?.serves(client) === true;
    const isLookedUp = isServed && isRecursive(query);
    if (isLookedUp && isForeign(this.zones, question.name, question.type)) return streamed;
    const limit = this.limitOf(client, edns?.udpSize ?? udpSizeMin);
    const made = this.madeFor(question, dnssec, client);
    if (isLookedUp && made.leads) return streamed;
    if (made.reason !== null) options.push(extendedErrorOption(made.reason));
    const isPadded = isPrivate(client) && findOption(edns, ednsOption.PADDING) !== undefined;
    let opt = edns === null ? null : this.optOf(edns, options);
    let { bytes } = made;
    if (bytes.length + (opt === null ? 0 : optSize(opt)) > limit) {
      const room = limit - (opt === null ? 0 : optSize(opt));
      const isAll = client.transport === 'udp';
      const own = { ...question, name: lowerName(question.name) };
      bytes = this.cuts.get(bytes, room, () =>
        encodeSections(own, this.sectionsOf(own.name, own.type, dnssec, isAll), room),
      );
    }
    if (opt !== null && isPadded) {
      const padding = paddingOption(bytes.length + optSize(opt), paddedBlockBytes);
      const padded = { ...opt, options: [...opt.options, padding] };
      if (bytes.length + optSize(padded) <= limit) opt = padded;
    }
    const length = this.finish(bytes, query, question.name, opt, out);
    if (isServed) out[3] = (out[3] as number) | availableFlag;
    return length;
  }

  /** The whole message, kept or made. */
  private madeFor(question: IQuestion, dnssec: boolean, client: IDnsClient): IMade {
    const { name, type } = question;
    const isUdp = client.transport === 'udp';
    if (isMetaType(type)) {
      const sections = this.sectionsOf(name, type, dnssec, isUdp);
      const bytes = encodeSections(question, sections, isUdp ? wholeBytesMax : messageBytesMax);
      return { bytes, reason: sections.reason, leads: sections.leads !== null };
    }
    const lower = lowerName(name);
    let hash = this.cache.seed;
    for (const byte of lower) hash = mix(hash, byte);
    const bytes =
      this.kept(lower, lower.length, hash, type, dnssec, isUdp) ??
      this.make(lower, lower.length, hash, type, dnssec, isUdp);
    return { bytes, reason: this.reason, leads: this.leads };
  }

  /** Puts what is the query's own into an answer. */
  private finish(
    bytes: Buffer,
    query: Buffer,
    name: TName,
    opt: IReplyOpt | null,
    out: Buffer,
  ): number {
    bytes.copy(out);
    query.copy(out, 0, 0, 2);
    out[2] = (out[2] as number) | ((query[2] as number) & 1);
    name.copy(out, headerBytes);
    this.note((out[3] as number) & 15, headerBytes + name.length + 4, bytes.length);
    if (opt === null) return bytes.length;
    countOpt(out);
    return writeOpt(out, bytes.length, opt);
  }

  /** Writes an answer without records. */
  private write(query: Buffer, { question, rcode: code, opt }: IReplyParts, out: Buffer): number {
    const message = withoutRecords(query, question, code & 15);
    const bytes = encodeMessage(message, { compress: false });
    bytes.copy(out);
    this.note(code, bytes.length, bytes.length);
    if (opt === null) return bytes.length;
    countOpt(out);
    return writeOpt(out, bytes.length, { ...opt, extendedRcode: code >>> 4 });
  }

  private note(code: number, questionEnd: number, optStart: number): void {
    this.reply.rcode = code;
    this.reply.questionEnd = questionEnd;
    this.reply.optStart = optStart;
  }

  private optOf(edns: IEdns, options: readonly IEdnsOption[], code = 0): IReplyOpt {
    return { ...this.optWith(edns.do, options), extendedRcode: code >>> 4 };
  }

  private optWith(dnssec: boolean, options: readonly IEdnsOption[]): IReplyOpt {
    return { udpSize: this.options.udpSizeMax, dnssec, extendedRcode: 0, options };
  }

  private ownOptions(edns: IEdns, { transport }: IDnsClient): IEdnsOption[] {
    const { nsid, idleTimeoutMs } = this.options;
    const options: IEdnsOption[] = [];
    if (nsid !== null && asksForNsid(edns)) options.push({ code: ednsOption.NSID, data: nsid });
    const isStream = transport === 'tcp' || transport === 'tls';
    if (isStream && idleTimeoutMs !== null && findOption(edns, ednsOption.KEEPALIVE)) {
      options.push(keepaliveOption(idleTimeoutMs));
    }
    return options;
  }
}

/** RA, in the fourth byte of a message. */
const availableFlag = 0x80;

/** RD. */
const isRecursive = (query: Buffer): boolean => ((query[2] as number) & 1) !== 0;

const isPrivate = ({ transport }: IDnsClient): boolean =>
  transport === 'tls' || transport === 'https';
