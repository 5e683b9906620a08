/** Messages signed with a shared secret: RFC 8945. */

import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import { headerBytes, type IRecord } from './message.ts';
import { equalNames, lowerName, nameEnd, readName, type TName } from './name.ts';
import { tsigAlgorithms as algorithms, type ITsigKey } from './tsig-key.ts';
import { rcode, recordClass, recordType } from './types.ts';

export { type ITsigKey, makeTsigKey, type TTsigAlgorithm } from './tsig-key.ts';

/** What a TSIG record says. */
export interface ITsig {
  readonly keyName: TName;
  readonly algorithm: TName;
  /** Seconds since 1970, and how many of them the clocks may differ. */
  readonly time: number;
  readonly fudge: number;
  readonly mac: Buffer;
  readonly originalId: number;
  /** Why the other side did not believe us, e.g. `rcode.BADTIME`; 0: it did. */
  readonly error: number;
  /** With BADTIME the server's time, in six bytes. */
  readonly other: Buffer;
}

/** How far apart the clocks may be, in seconds: RFC 8945 §10. */
export const fudgeSecondsDefault = 300;

/** Reads a TSIG record; null when it is malformed. */
export function readTsig({ name, rdata }: IRecord): ITsig | null {
  const at = nameEnd(rdata, 0);
  if (at === -1 || at + 10 > rdata.length) return null;
  const macAt = at + 10;
  const macEnd = macAt + rdata.readUInt16BE(at + 8);
  if (macEnd + 6 > rdata.length) return null;
  if (macEnd + 6 + rdata.readUInt16BE(macEnd + 4) !== rdata.length) return null;
  return {
    keyName: name,
    algorithm: rdata.subarray(0, at),
    time: rdata.readUIntBE(at, 6),
    fudge: rdata.readUInt16BE(at + 6),
    mac: rdata.subarray(macAt, macEnd),
    originalId: rdata.readUInt16BE(macEnd),
    error: rdata.readUInt16BE(macEnd + 2),
    other: rdata.subarray(macEnd + 6),
  };
}

/** How a message is signed. */
export interface ISignOptions {
  /** Now, in seconds since 1970. With BADTIME the time of the query. */
  readonly time: number;
  /** Default: `fudgeSecondsDefault`. */
  readonly fudge?: number;
  /** Of an answer: the MAC of the query; of a further message of a stream: the one before. */
  readonly priorMac?: Buffer;
  /** A further message of a stream signs the time alone (RFC 8945 §5.3.1). Default: false. */
  readonly isFurther?: boolean;
  /** See `ITsig`. Default: 0. */
  readonly error?: number;
  readonly other?: Buffer;
}

/** Bytes that a signature adds to a message, at most: what `sizeMax` of the encoder is less. */
export function tsigBytes({ name, algorithm }: ITsigKey): number {
  const { name: algorithmName, macBytes } = algorithms[algorithm];
  return name.length + 10 + algorithmName.length + 16 + macBytes + 6;
}

/** Signs a message that has no TSIG record. @returns it with one, and the MAC for the answer. */
export function signMessage(
  bytes: Buffer,
  key: ITsigKey,
  options: ISignOptions,
): { bytes: Buffer; mac: Buffer } {
  const tsig = unsignedTsig(bytes, key.name, algorithms[key.algorithm].name, options);
  const hmac = hmacOf(key, options.priorMac);
  hmac.update(bytes);
  hmac.update(options.isFurther === true ? timersOf(tsig) : variablesOf(tsig));
  const mac = hmac.digest();
  return { bytes: withTsig(bytes, { ...tsig, mac }), mac };
}

/**
 * Adds a TSIG record without a MAC: how BADKEY and BADSIG are answered (RFC 8945 §5.3.2).
 *
 * @param query what was not believed.
 */
export function refuseMessage(bytes: Buffer, query: ITsig, error: number, time: number): Buffer {
  const { keyName, algorithm, fudge } = query;
  return withTsig(bytes, unsignedTsig(bytes, keyName, algorithm, { time, fudge, error }));
}

function unsignedTsig(
  bytes: Buffer,
  keyName: TName,
  algorithm: TName,
  options: ISignOptions,
): ITsig {
  const { time, fudge = fudgeSecondsDefault, error = 0, other = Buffer.alloc(0) } = options;
  const [mac, originalId] = [Buffer.alloc(0), bytes.readUInt16BE(0)];
  return { keyName, algorithm, time, fudge, mac, originalId, error, other };
}

/** The message with the record behind it. */
function withTsig(bytes: Buffer, tsig: ITsig): Buffer {
  const macHead = Buffer.alloc(2);
  macHead.writeUInt16BE(tsig.mac.length);
  const id = Buffer.alloc(2);
  id.writeUInt16BE(tsig.originalId);
  const rdata = [tsig.algorithm, timersOf(tsig), macHead, tsig.mac, id, errorAndOther(tsig)];
  const head = Buffer.alloc(10);
  head.writeUInt16BE(recordType.TSIG, 0);
  head.writeUInt16BE(recordClass.ANY, 2);
  head.writeUInt16BE(
    rdata.reduce((size, part) => size + part.length, 0),
    8,
  );
  const signed = Buffer.concat([bytes, tsig.keyName, head, ...rdata]);
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
  return signed;
}

/** The MAC of what came before is signed too, behind its length: RFC 8945 §4.3.1. */
export function hmacOf(key: ITsigKey, priorMac: Buffer | undefined): Hmac {
  const hmac = createHmac(algorithms[key.algorithm].hash, key.secret);
  if (priorMac === undefined) return hmac;
  const head = Buffer.alloc(2);
  head.writeUInt16BE(priorMac.length);
  return hmac.update(head).update(priorMac);
}

/** What is signed beside the message: RFC 8945 §4.3.3. */
export function variablesOf(tsig: ITsig): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(recordClass.ANY, 0);
  return Buffer.concat([
    lowerName(tsig.keyName),
    head,
    lowerName(tsig.algorithm),
    timersOf(tsig),
    errorAndOther(tsig),
  ]);
}

/** What is signed beside a further message of a stream: RFC 8945 §5.3.1. */
export function timersOf({ time, fudge }: ITsig): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUIntBE(time, 0, 6);
  bytes.writeUInt16BE(fudge, 6);
  return bytes;
}

function errorAndOther({ error, other }: ITsig): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(error, 0);
  head.writeUInt16BE(other.length, 2);
  return Buffer.concat([head, other]);
}

/** What came of a verification. */
export type TVerified =
  /** The message is what the key's owner sent. Its answer is signed with `mac` as `priorMac`. */
  | {
      readonly kind: 'verified';
      readonly key: ITsigKey;
      readonly mac: Buffer;
      readonly tsig: ITsig;
    }
  /** There is no TSIG record. */
  | { readonly kind: 'unsigned' }
  /** To be answered with FORMERR. */
  | { readonly kind: 'malformed' }
  /**
   * To be answered with NOTAUTH and this error in the TSIG record: BADKEY and BADSIG by
   * `refuseMessage`; BADTIME and BADTRUNC, whose MAC was right, signed with `key`, with `tsig.mac`
   * as `priorMac`, and with BADTIME `tsig.time` as `time` and our time as `other`.
   */
  | {
      readonly kind: 'refused';
      readonly error: number;
      readonly tsig: ITsig;
      readonly key: ITsigKey | null;
    };

/** What a message is verified against. */
export interface IVerifyOptions {
  /** The key of a name in lower case. */
  readonly keyOf: (name: TName) => ITsigKey | undefined;
  /** Now, in seconds since 1970. */
  readonly time: number;
  /** The MAC of the query, when the message is its answer. */
  readonly priorMac?: Buffer;
}

/**
 * Verifies a query, or an answer of one message; `TsigStream` does answers of several. It never
 * throws, whatever the bytes are.
 *
 * Truncated MACs are refused with BADTRUNC. The checks come in the order of RFC 8945 §5.2. An
 * answer that says `error` in its TSIG record is `verified` when it is signed (BADTIME), else
 * `refused`.
 */
export function verifyMessage(bytes: Buffer, options: IVerifyOptions): TVerified {
  const found = splitTsig(bytes);
  if (found === 'malformed') return { kind: 'malformed' };
  if (found === null) return { kind: 'unsigned' };
  const key = options.keyOf(lowerName(found.tsig.keyName));
  const hmac = key === undefined ? null : hmacOf(key, options.priorMac);
  return judge(found, key, hmac, variablesOf(found.tsig), options.time);
}

/** A signed message, taken apart. */
export interface ISplitMessage {
  readonly tsig: ITsig;
  /** The message as it was before it was signed. */
  readonly unsigned: Buffer;
}

/** The verdict on a message whose MAC `hmac` makes, once message and `signed` are added. */
export function judge(
  { tsig, unsigned }: ISplitMessage,
  key: ITsigKey | undefined,
  hmac: Hmac | null,
  signed: Buffer,
  now: number,
): TVerified {
  const algorithm = key === undefined ? null : algorithms[key.algorithm];
  if (key === undefined || hmac === null || algorithm === null) {
    return { kind: 'refused', error: rcode.BADKEY, tsig, key: null };
  }
  if (!equalNames(algorithm.name, tsig.algorithm)) {
    return { kind: 'refused', error: rcode.BADKEY, tsig, key: null };
  }
  const { macBytes } = algorithm;
  const { length } = tsig.mac;
  const refused = (error: number): TVerified => ({ kind: 'refused', error, tsig, key });
  // An answer that says why we were not believed has no MAC.
  if (length === 0 && tsig.error !== 0) return refused(rcode.BADSIG);
  // RFC 8945 §5.2.2.1.
  if (length > macBytes || length < Math.max(10, macBytes / 2)) return { kind: 'malformed' };
  const mac = hmac.update(unsigned).update(signed).digest();
  if (!timingSafeEqual(mac.subarray(0, length), tsig.mac)) return refused(rcode.BADSIG);
  if (Math.abs(now - tsig.time) > tsig.fudge) return refused(rcode.BADTIME);
  if (length < macBytes) return refused(rcode.BADTRUNC);
  return { kind: 'verified', key, mac, tsig };
}

/** Takes the TSIG record, which is the last one, off a message; null: it has none. */
export function splitTsig(bytes: Buffer): ISplitMessage | null | 'malformed' {
  if (bytes.length < headerBytes) return 'malformed';
  const additionals = bytes.readUInt16BE(10);
  const last = lastRecordAt(bytes);
  if (last === -1) return 'malformed';
  if (additionals === 0) return null;
  const read = readName(bytes, last);
  if (read === null || bytes.readUInt16BE(read.end) !== recordType.TSIG) return null;
  const record: IRecord = {
    name: read.name,
    type: recordType.TSIG,
    class: bytes.readUInt16BE(read.end + 2),
    ttl: bytes.readUInt32BE(read.end + 4),
    rdata: bytes.subarray(read.end + 10),
  };
  const tsig = readTsig(record);
  if (tsig === null || record.class !== recordClass.ANY || record.ttl !== 0) return 'malformed';
  const unsigned = Buffer.from(bytes.subarray(0, last));
  unsigned.writeUInt16BE(tsig.originalId, 0);
  unsigned.writeUInt16BE(additionals - 1, 10);
  return { tsig, unsigned };
}

/** Where the last record begins, which ends with the bytes; 12 without any; -1: malformed. */
function lastRecordAt(bytes: Buffer): number {
  let at = headerBytes;
  for (let left = bytes.readUInt16BE(4); left > 0; left--) {
    at = nameSkipped(bytes, at);
    if (at === -1 || at + 4 > bytes.length) return -1;
    at += 4;
  }
  let start = at;
  const counts = [6, 8, 10].map((offset) => bytes.readUInt16BE(offset));
  for (let left = counts.reduce((sum, count) => sum + count, 0); left > 0; left--) {
    start = at;
    at = nameSkipped(bytes, at);
    if (at === -1 || at + 10 > bytes.length) return -1;
    at += 10 + bytes.readUInt16BE(at + 8);
    if (at > bytes.length) return -1;
  }
  return at === bytes.length ? start : -1;
}

/** Where a name, compressed or not, ends; what a pointer leads to is not looked at. */
function nameSkipped(bytes: Buffer, offset: number): number {
  for (let at = offset; at < bytes.length; ) {
    const octet = bytes[at] as number;
    if (octet >= 0xc0) return at + 2 <= bytes.length ? at + 2 : -1;
    if (octet > 63) return -1;
    at += 1 + octet;
    if (octet === 0) return at;
  }
  return -1;
}
