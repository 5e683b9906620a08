/** Messages of the DNS: RFC 1035 §4, with EDNS (RFC 6891) and TSIG (RFC 8945) set apart. */

import { type IEdns, readOpt } from './edns.ts';
import { readName, type TName } from './name.ts';
import { rdataCodec } from './rdata.ts';
import { ttlMax } from './ttl.ts';
import { recordClass, recordType } from './types.ts';

/** The first 12 bytes, without the counts. */
export interface IMessageHeader {
  readonly id: number;
  /** QR. */
  readonly response: boolean;
  /** See `opcode` of `types.ts`. */
  readonly opcode: number;
  /** AA. */
  readonly authoritative: boolean;
  /** TC. */
  readonly truncated: boolean;
  /** RD. */
  readonly recursionDesired: boolean;
  /** RA. */
  readonly recursionAvailable: boolean;
  /** AD: RFC 4035 §3.2.3. */
  readonly authenticatedData: boolean;
  /** CD: RFC 4035 §3.2.2. */
  readonly checkingDisabled: boolean;
  /** In a message all 12 bits, those of EDNS included; in a bare header the lower four. */
  readonly rcode: number;
}

/** What is asked; in an update the zone (RFC 2136 §2.3). The name's case is kept. */
export interface IQuestion {
  readonly name: TName;
  readonly type: number;
  readonly class: number;
}

/** One record. */
export interface IRecord {
  readonly name: TName;
  readonly type: number;
  readonly class: number;
  /** Seconds, 0 to 2^31 - 1. */
  readonly ttl: number;
  /** Without compressed names. */
  readonly rdata: Buffer;
}

/** A whole message. */
export interface IMessage extends IMessageHeader {
  /** At most one (RFC 9619); none in a query for a cookie only (RFC 7873 §5.4). */
  readonly question: readonly IQuestion[];
  readonly answer: readonly IRecord[];
  readonly authority: readonly IRecord[];
  /** Without the OPT and TSIG records. */
  readonly additional: readonly IRecord[];
  /** What the OPT record says; null: there is none. */
  readonly edns: IEdns | null;
  /** The TSIG record, the last of a message; it says nothing before it is verified (`tsig.ts`). */
  readonly tsig: IRecord | null;
}

/** Bytes that are no message. */
export interface IMessageError {
  /**
   * `formerr`: to be answered with FORMERR, or with NOTIMP when the opcode is not known, as far as
   * `header` goes. `drop`: no header, or a response, which is never answered.
   */
  readonly error: 'formerr' | 'drop';
  readonly reason: string;
  /** Null when there are less than 12 bytes. */
  readonly header: IMessageHeader | null;
  /** As far as it could be read: what the answer repeats. */
  readonly question: readonly IQuestion[];
}

/** Bytes of the header. */
export const headerBytes = 12;

/** The header; null when there are less than 12 bytes. */
export function readHeader(bytes: Buffer): IMessageHeader | null {
  if (bytes.length < headerBytes) return null;
  const flags = bytes.readUInt16BE(2);
  return {
    id: bytes.readUInt16BE(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticatedData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 15,
  };
}

/** Whether decoding failed. */
export function isMessageError(decoded: IMessage | IMessageError): decoded is IMessageError {
  return 'error' in decoded;
}

/**
 * Reads a message. It never throws; its work is bounded by the bytes there are, and all of them
 * must belong to the message. The data of types that we know is checked (`IRdataCodec.check`).
 *
 * Data without names lies on the memory of `bytes`: copy what is kept for long. A TTL above
 * 2^31 - 1 counts as 0 (RFC 2181 §8).
 */
export function decodeMessage(bytes: Buffer): IMessage | IMessageError {
  const header = readHeader(bytes);
  if (header === null) {
    return { error: 'drop', reason: 'less than a header', header, question: [] };
  }
  const reader = new MessageReader(bytes);
  try {
    return reader.read(header);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const { question } = reader;
    const kind = header.response ? 'drop' : 'formerr';
    return { error: kind, reason: error.message, header, question };
  }
}

/** Leaves the reader from any depth; goes no further than `decodeMessage`. */
class Malformed extends Error {}

/** Types whose data in other classes than IN is something else: RFC 1035 §3.4 and others. */
const typesOfInternet: ReadonlySet<number> = new Set([
  recordType.A,
  recordType.AAAA,
  recordType.WKS,
  recordType.NSAP,
  recordType.PX,
  recordType.SRV,
  recordType.NAPTR,
  recordType.KX,
  recordType.APL,
  recordType.DHCID,
  recordType.SVCB,
  recordType.HTTPS,
]);

class MessageReader {
  readonly question: IQuestion[] = [];
  private readonly bytes: Buffer;
  private at = headerBytes;
  private opt: IRecord | null = null;
  private tsig: IRecord | null = null;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  read(header: IMessageHeader): IMessage {
    this.readQuestion(this.bytes.readUInt16BE(4));
    const answer = this.section(6, false);
    const authority = this.section(8, false);
    const additional = this.section(10, true);
    if (this.at !== this.bytes.length) throw new Malformed('bytes behind the message');
    const edns = this.opt === null ? null : readOpt(this.opt);
    if (edns === 'malformed') throw new Malformed('malformed options of EDNS');
    const rcode = header.rcode + (this.opt === null ? 0 : (this.opt.ttl >>> 24) * 16);
    const { question, tsig } = this;
    return { ...header, rcode, question, answer, authority, additional, edns, tsig };
  }

  private readQuestion(count: number): void {
    if (count > 1) throw new Malformed('more than one question');
    if (count === 0) return;
    const name = this.name();
    if (this.at + 4 > this.bytes.length) throw new Malformed('no type or class in the question');
    const type = this.bytes.readUInt16BE(this.at);
    this.question.push({ name, type, class: this.bytes.readUInt16BE(this.at + 2) });
    this.at += 4;
  }

  private section(countAt: number, isAdditional: boolean): IRecord[] {
    const records: IRecord[] = [];
    for (let left = this.bytes.readUInt16BE(countAt); left > 0; left--) {
      const record = this.record();
      if (this.tsig !== null) throw new Malformed('a record behind the TSIG record');
      if (record.type === recordType.OPT) this.keepOpt(record, isAdditional);
      else if (record.type === recordType.TSIG) this.keepTsig(record, isAdditional);
      else records.push(record);
    }
    return records;
  }

  private keepOpt(record: IRecord, isAdditional: boolean): void {
    if (this.opt !== null) throw new Malformed('two OPT records');
    if (!isAdditional || record.name.length > 1) throw new Malformed('an OPT record out of place');
    this.opt = record;
  }

  private keepTsig(record: IRecord, isAdditional: boolean): void {
    // RFC 8945 §4.2.
    const isRight = isAdditional && record.class === recordClass.ANY && record.ttl === 0;
    if (!isRight) throw new Malformed('a TSIG record out of place');
    this.tsig = record;
  }

  private record(): IRecord {
    const { bytes } = this;
    const name = this.name();
    const at = this.at;
    if (at + 10 > bytes.length) throw new Malformed('a record that is cut off');
    const type = bytes.readUInt16BE(at);
    const classNumber = bytes.readUInt16BE(at + 2);
    const ttl = bytes.readUInt32BE(at + 4);
    const length = bytes.readUInt16BE(at + 8);
    const end = at + 10 + length;
    if (end > bytes.length) throw new Malformed('data that is cut off');
    this.at = end;
    const isTtl = type !== recordType.OPT && type !== recordType.TSIG;
    return {
      name,
      type,
      class: classNumber,
      ttl: isTtl && ttl > ttlMax ? 0 : ttl,
      rdata: this.rdata(type, classNumber, at + 10, length),
    };
  }

  private rdata(type: number, classNumber: number, at: number, length: number): Buffer {
    const { IN, ANY, NONE } = recordClass;
    const isWithout = classNumber === ANY || classNumber === NONE;
    const isKnown = isWithout || classNumber === IN || !typesOfInternet.has(type);
    // RFC 2136 §2.4 and §2.5: what is to be there, or to be deleted, has no data.
    if (!isKnown || (isWithout && length === 0)) return this.bytes.subarray(at, at + length);
    const rdata = rdataCodec(type).uncompress(this.bytes, at, length);
    if (rdata === null) throw new Malformed(`malformed data of type ${type}`);
    return rdata;
  }

  private name(): TName {
    const read = readName(this.bytes, this.at);
    if (read === null) throw new Malformed('a malformed name');
    this.at = read.end;
    return read.name;
  }
}

/** An empty query, to be spread and filled. */
export const emptyMessage: IMessage = Object.freeze({
  id: 0,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  authenticatedData: false,
  checkingDisabled: false,
  rcode: 0,
  question: [],
  answer: [],
  authority: [],
  additional: [],
  edns: null,
  tsig: null,
});

/**
 * An answer without records: id, opcode, RD, CD and question of the query, which may be what is
 * left of a malformed one: `responseTo({ ...error.header, question: error.question }, …)`.
 */
export function responseTo(
  query: IMessageHeader & Pick<IMessage, 'question'>,
  rcode: number,
): IMessage {
  const { id, opcode, recursionDesired, checkingDisabled, question } = query;
  const kept = { id, opcode, recursionDesired, checkingDisabled, question };
  return { ...emptyMessage, ...kept, response: true, rcode };
}
