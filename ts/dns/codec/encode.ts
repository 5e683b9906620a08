import { type IEdns, optRecord } from './edns.ts';
import { headerBytes, type IMessage, type IMessageHeader, type IRecord } from './message.ts';
import { equalNames, type TName } from './name.ts';
import { rdataCodec } from './rdata.ts';

/** How a message becomes bytes. */
export interface IEncodeOptions {
  /** Most bytes; at least 512, which a question and the OPT record need. Default: 65,535. */
  readonly sizeMax?: number;
  /** Whether names are compressed where the same bytes were written before. Default: true. */
  readonly compress?: boolean;
  /**
   * So many of the first additional records are needed, as the glue of a delegation is (RFC 9471):
   * when one of them does not fit the message is truncated. Default: 0.
   */
  readonly additionalNeeded?: number;
}

/** Longest message: its length takes 16 bits in TCP. */
export const messageBytesMax = 65_535;

/** What is behind the limit when it is noticed is one record at most, with its name. */
const scratch = Buffer.allocUnsafe(2 * messageBytesMax + 1024);
const pointerTargetsEnd = 0x4000;

/**
 * Writes a message: no longer than `sizeMax`, with whole record sets only. TC is set when records
 * of the answer or authority section, or additional ones that are needed, do not fit (RFC 2181 §9);
 * the OPT and TSIG records always do.
 *
 * Names are compressed case by case, so that each keeps its own, and in the data of the types of
 * RFC 1035 only (RFC 3597 §4).
 *
 * @throws RangeError when question, OPT and TSIG do not fit, or an rcode above 15 has no EDNS.
 */
export function encodeMessage(message: IMessage, options: IEncodeOptions = {}): Buffer {
  const { sizeMax = messageBytesMax, compress = true, additionalNeeded = 0 } = options;
  if (message.rcode > 15 && message.edns === null) {
    throw new RangeError(`Rcode ${message.rcode} needs EDNS`);
  }
  const opt = message.edns === null ? [] : [optOf(message.edns, message.rcode)];
  const tail = message.tsig === null ? opt : [...opt, message.tsig];
  const writer = new MessageWriter(Math.min(sizeMax, messageBytesMax) - sizeOf(tail), compress);

  for (const question of message.question) {
    writer.question(question.name, question.type, question.class);
  }
  if (writer.isOver) throw new RangeError(`A message of ${sizeMax} bytes holds no question`);
  const answers = writer.section(message.answer);
  const authorities = writer.section(message.authority);
  const additionals = writer.section(message.additional);
  const records = message.answer.length + message.authority.length;
  const isCut =
    answers + authorities < records ||
    additionals < Math.min(additionalNeeded, message.additional.length);
  for (const record of tail) writer.record(record, false);

  writer.header({ ...message, truncated: message.truncated || isCut }, [
    message.question.length,
    answers,
    authorities,
    additionals + tail.length,
  ]);
  return writer.finish();
}

function optOf(edns: IEdns, rcode: number): IRecord {
  return optRecord(edns, rcode >>> 4);
}

function sizeOf(records: readonly IRecord[]): number {
  return records.reduce((size, { name, rdata }) => size + name.length + 10 + rdata.length, 0);
}

class MessageWriter {
  private at = headerBytes;
  private isFull = false;
  private readonly limit: number;
  /** Where each suffix of a name was written; null: names are not compressed. */
  private readonly suffixes: Map<string, number> | null;
  /** The name that was compressed last, and where it is; the records of a set share theirs. */
  private lastName: TName | null = null;
  private lastTarget = 0;

  constructor(limit: number, compress: boolean) {
    this.limit = limit;
    this.suffixes = compress ? new Map() : null;
  }

  get isOver(): boolean {
    return this.at > this.limit;
  }

  header(header: IMessageHeader, counts: readonly number[]): void {
    const flags =
      (header.response ? 0x8000 : 0) |
      ((header.opcode & 15) << 11) |
      (header.authoritative ? 0x0400 : 0) |
      (header.truncated ? 0x0200 : 0) |
      (header.recursionDesired ? 0x0100 : 0) |
      (header.recursionAvailable ? 0x0080 : 0) |
      (header.authenticatedData ? 0x0020 : 0) |
      (header.checkingDisabled ? 0x0010 : 0) |
      (header.rcode & 15);
    for (const [index, value] of [header.id, flags, ...counts].entries()) {
      scratch.writeUInt16BE(value, index * 2);
    }
  }

  question(name: TName, type: number, classNumber: number): void {
    this.name(name, true);
    this.number(type);
    this.number(classNumber);
  }

  /** @returns how many records are in; all of a set or none. Nothing follows what did not fit. */
  section(records: readonly IRecord[]): number {
    let written = 0;
    while (written < records.length && !this.isFull) {
      const end = setEnd(records, written);
      const start = this.at;
      for (let index = written; index < end && !this.isOver; index++) {
        this.record(records[index] as IRecord, true);
      }
      if (this.isOver) {
        this.at = start;
        this.isFull = true;
      } else {
        written = end;
      }
    }
    return written;
  }

  record({ name, type, class: classNumber, ttl, rdata }: IRecord, compress: boolean): void {
    this.name(name, compress);
    this.number(type);
    this.number(classNumber);
    scratch.writeUInt32BE(ttl, this.at);
    const lengthAt = this.at + 4;
    this.at = lengthAt + 2;
    this.rdata(type, rdata);
    scratch.writeUInt16BE(this.at - lengthAt - 2, lengthAt);
  }

  finish(): Buffer {
    return Buffer.from(scratch.subarray(0, this.at));
  }

  private rdata(type: number, rdata: Buffer): void {
    const codec = rdataCodec(type);
    let from = 0;
    if (codec.compresses && this.suffixes !== null) {
      for (const [start, end] of codec.nameRanges(rdata)) {
        this.bytes(rdata, from, start);
        this.name(rdata.subarray(start, end), true);
        from = end;
      }
    }
    this.bytes(rdata, from, rdata.length);
  }

  private name(name: TName, compress: boolean): void {
    const { suffixes } = this;
    if (suffixes === null || !compress) return this.bytes(name, 0, name.length);
    if (name === this.lastName) return this.number(0xc000 | this.lastTarget);
    for (let at = 0; at < name.length - 1; ) {
      const suffix = name.toString('latin1', at);
      const target = suffixes.get(suffix) ?? this.at;
      if (at === 0 && target < pointerTargetsEnd) {
        this.lastName = name;
        this.lastTarget = target;
      }
      if (target !== this.at) return this.number(0xc000 | target);
      if (this.at < pointerTargetsEnd) suffixes.set(suffix, this.at);
      const next = at + 1 + (name[at] as number);
      this.bytes(name, at, next);
      at = next;
    }
    scratch[this.at++] = 0;
  }

  private bytes(source: Buffer, start: number, end: number): void {
    this.at += source.copy(scratch, this.at, start, end);
  }

  private number(value: number): void {
    this.at = scratch.writeUInt16BE(value, this.at);
  }
}

/** Where the records of the same set end that begins at `start`. */
function setEnd(records: readonly IRecord[], start: number): number {
  const first = records[start] as IRecord;
  let end = start + 1;
  for (; end < records.length; end++) {
    const { name, type, class: classNumber } = records[end] as IRecord;
    if (type !== first.type || classNumber !== first.class) break;
    if (name !== first.name && !equalNames(name, first.name)) break;
  }
  return end;
}
