import type { Hmac } from 'node:crypto';
import { equalNames } from './name.ts';
import {
  hmacOf,
  type ITsigKey,
  judge,
  signMessage,
  splitTsig,
  type TVerified,
  timersOf,
  variablesOf,
} from './tsig.ts';

/** Signs the messages of an answer of several, e.g. of a zone transfer: RFC 8945 §5.3.1. */
export class TsigSigner {
  private readonly key: ITsigKey;
  private priorMac: Buffer;
  private isFurther = false;

  /** @param queryMac the MAC of the query that is answered. */
  constructor(key: ITsigKey, queryMac: Buffer) {
    this.key = key;
    this.priorMac = queryMac;
  }

  /** Signs the next message, each of them. @param time now, in seconds since 1970. */
  sign(bytes: Buffer, time: number): Buffer {
    const { key, priorMac, isFurther } = this;
    const signed = signMessage(bytes, key, { time, priorMac, isFurther });
    this.priorMac = signed.mac;
    this.isFurther = true;
    return signed.bytes;
  }
}

/** So many messages in a row may come without a signature, no more: RFC 8945 §5.3.1. */
const unsignedMax = 99;

/**
 * Verifies the messages of an answer of several. The first and the last one are signed; of those
 * between, some may be not. Nothing of them is to be believed before `isComplete` after the last.
 */
export class TsigStream {
  private readonly key: ITsigKey;
  private hmac: Hmac;
  private unsigned = 0;
  private isFirst = true;
  private hasFailed = false;

  /** @param queryMac the MAC of the query that was sent. */
  constructor(key: ITsigKey, queryMac: Buffer) {
    this.key = key;
    this.hmac = hmacOf(key, queryMac);
  }

  /** Whether all that came is vouched for by a signature. */
  get isComplete(): boolean {
    return !this.isFirst && !this.hasFailed && this.unsigned === 0;
  }

  /**
   * Takes the next message. `unsigned`: it is vouched for, or not, by one that follows. After a
   * failure the stream is over.
   *
   * @param time now, in seconds since 1970.
   */
  verify(bytes: Buffer, time: number): TVerified {
    const verified = this.hasFailed ? ({ kind: 'malformed' } as const) : this.next(bytes, time);
    this.hasFailed = verified.kind === 'malformed' || verified.kind === 'refused';
    return verified;
  }

  private next(bytes: Buffer, time: number): TVerified {
    const found = splitTsig(bytes);
    if (found === 'malformed') return { kind: 'malformed' };
    if (found === null) {
      this.unsigned++;
      if (this.isFirst || this.unsigned > unsignedMax) return { kind: 'malformed' };
      this.hmac.update(bytes);
      return { kind: 'unsigned' };
    }
    const { tsig } = found;
    const key = equalNames(this.key.name, tsig.keyName) ? this.key : undefined;
    const signed = this.isFirst ? variablesOf(tsig) : timersOf(tsig);
    const verified = judge(found, key, this.hmac, signed, time);
    if (verified.kind === 'verified') {
      this.hmac = hmacOf(this.key, verified.mac);
      this.unsigned = 0;
      this.isFirst = false;
    }
    return verified;
  }
}
