import { decodeMessage, type IMessage, type IRecord, isMessageError } from '../codec/message.ts';
import { equalNames, formatName, isSubdomain } from '../codec/name.ts';
import { soaSerial } from '../codec/soa.ts';
import { TsigStream } from '../codec/tsig-stream.ts';
import { isMetaType, rcode, recordClass, recordType } from '../codec/types.ts';
import { compareSerials } from '../zone/serial.ts';
import { runStepsGently } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import { ZoneBuilder } from '../zone/zone-builder.ts';
import { ZoneProblems } from '../zone/zone-problem.ts';
import { ChangeDraft } from './change-draft.ts';
import { errorOf, type IPeerQuery, mismatch, PeerFailure, signatureFault } from './peer-query.ts';

/** How much a primary may send. */
export interface ITransferLimits {
  /** Records, in all. @default 10000000 */
  readonly recordsMax: number;
  /** Bytes of all messages. @default 2147483648, i.e. 2 GiB */
  readonly bytesMax: number;
}

/** What no zone that we could serve is above. */
export const transferLimitsDefault: ITransferLimits = { recordsMax: 10_000_000, bytesMax: 2 ** 31 };

/** What a transfer has brought. */
export type TTransferred =
  | { readonly kind: 'zone'; readonly zone: Zone; readonly isWhole: boolean }
  /** An IXFR says that there is nothing newer. */
  | { readonly kind: 'current' };

/** Where the reader is: RFC 5936 §2.2, RFC 1995 §4. */
type TState = 'start' | 'second' | 'whole' | 'removing' | 'adding' | 'current' | 'done';

/**
 * Reads the messages of an AXFR or IXFR. Nothing that it reads counts before the last message has
 * come, all are vouched for by the key (if there is one), and `finish` has made a zone of it.
 */
export class TransferReader {
  private readonly query: IPeerQuery;
  private readonly apex: Buffer;
  /** Version that an IXFR goes on from; null: AXFR. */
  private readonly base: Zone | null;
  private readonly limits: ITransferLimits;
  private readonly tsig: TsigStream | null;
  private readonly problems = new ZoneProblems();
  private readonly builder: ZoneBuilder;
  private readonly draft: ChangeDraft | null;
  private state: TState = 'start';
  private soa: IRecord | null = null;
  /** Serial that the difference at hand leads to. */
  private reached = 0;
  private isIncremental = false;
  private records = 0;
  private bytes = 0;

  constructor(
    query: IPeerQuery,
    apex: Buffer,
    base: Zone | null,
    limits: ITransferLimits = transferLimitsDefault,
  ) {
    this.query = query;
    this.apex = apex;
    this.base = base;
    this.limits = limits;
    this.tsig = query.key === null ? null : new TsigStream(query.key, query.mac);
    this.builder = new ZoneBuilder(apex, this.problems);
    this.draft = base === null ? null : new ChangeDraft(base);
  }

  /**
   * Takes the next message.
   *
   * @returns whether it was the last one.
   * @throws PeerFailure for whatever is wrong: the transfer is over then.
   */
  take(bytes: Buffer, nowS: number): boolean {
    this.bytes += bytes.length;
    if (this.bytes > this.limits.bytesMax) throw new PeerFailure('its transfer has too many bytes');
    const message = decodeMessage(bytes);
    if (isMessageError(message))
      throw new PeerFailure(`its transfer is malformed: ${message.reason}`);
    this.check(message, bytes, nowS);
    for (const record of message.answer) this.record(record);
    if (this.state === 'second' && this.isUpToDate()) this.state = 'current';
    const isOver = this.state === 'done' || this.state === 'current';
    if (isOver && this.tsig?.isComplete === false) {
      throw new PeerFailure('the last message of its transfer is not signed');
    }
    return isOver;
  }

  /**
   * Makes the zone, and lets others run meanwhile.
   *
   * @throws PeerFailure, DcError `CONFIG_INVALID` when what came is no zone.
   */
  async finish(): Promise<TTransferred> {
    if (this.state === 'current') return { kind: 'current' };
    if (this.state !== 'done' || this.soa === null) throw new Error('The transfer is not over');
    if (this.isIncremental && this.draft !== null) {
      return { kind: 'zone', zone: this.draft.finish(this.soa), isWhole: false };
    }
    const zone = await runStepsGently(this.builder.finish());
    if (zone !== null) return { kind: 'zone', zone, isWhole: true };
    const [problem] = this.problems.kept.filter(({ severity }) => severity === 'error');
    throw new PeerFailure(`its zone is invalid: ${problem?.path}: ${problem?.message}`);
  }

  private check(message: IMessage, bytes: Buffer, nowS: number): void {
    const fault = mismatch(this.query.message, message);
    if (fault !== null) throw new PeerFailure(fault);
    const verified = this.tsig?.verify(bytes, nowS);
    const error = verified === undefined ? 0 : errorOf(verified);
    if (message.rcode !== rcode.NOERROR) throw new PeerFailure(signatureFault(message, error));
    if (verified?.kind === 'refused' || verified?.kind === 'malformed') {
      throw new PeerFailure(signatureFault(message, error));
    }
    if (message.truncated) throw new PeerFailure('its transfer is truncated');
    if (message.answer.length === 0) throw new PeerFailure('its transfer has an empty message');
  }

  private record(record: IRecord): void {
    const { name, type, class: classNumber } = record;
    if (++this.records > this.limits.recordsMax) {
      throw new PeerFailure('its transfer has too many records');
    }
    if (classNumber !== recordClass.IN || isMetaType(type)) {
      throw new PeerFailure('its transfer has records that no zone has');
    }
    if (!isSubdomain(name, this.apex)) {
      throw new PeerFailure(`its transfer has a record outside of the zone: ${formatName(name)}`);
    }
    const isSoa = type === recordType.SOA;
    if (isSoa && !equalNames(name, this.apex)) {
      throw new PeerFailure('its transfer has a SOA below the apex');
    }
    this.step(record, isSoa);
  }

  private step(record: IRecord, isSoa: boolean): void {
    switch (this.state) {
      case 'start':
        if (!isSoa) throw new PeerFailure('its transfer does not begin with a SOA');
        this.soa = { ...record, name: this.apex, rdata: Buffer.from(record.rdata) };
        this.state = this.base === null ? 'whole' : 'second';
        this.builder.add(this.soa);
        return;
      case 'second':
        this.isIncremental = isSoa && soaSerial(record.rdata) === this.base?.serial;
        this.state = this.isIncremental ? 'removing' : 'whole';
        if (!this.isIncremental) this.step(record, isSoa);
        return;
      case 'whole':
        if (isSoa) this.end(record);
        else this.builder.add(record);
        return;
      case 'removing':
        if (isSoa) this.reach(record);
        else this.draft?.remove(record);
        return;
      case 'adding':
        if (isSoa) this.nextDifference(record);
        else this.draft?.add(record);
        return;
      default:
        throw new PeerFailure('its transfer goes on behind its end');
    }
  }

  private reach(soa: IRecord): void {
    this.reached = soaSerial(soa.rdata);
    this.state = 'adding';
  }

  /** Behind the last difference comes the SOA of the newest version, else the next difference. */
  private nextDifference(soa: IRecord): void {
    const serial = soaSerial(soa.rdata);
    if (serial !== this.reached) throw new PeerFailure('its differences do not follow each other');
    if (serial === this.serial) this.end(soa);
    else this.state = 'removing';
  }

  private end(soa: IRecord): void {
    if (this.soa?.rdata.equals(soa.rdata) !== true) {
      throw new PeerFailure('the zone changed while it was transferred');
    }
    this.state = 'done';
  }

  private get serial(): number {
    return this.soa === null ? 0 : soaSerial(this.soa.rdata);
  }

  /** RFC 1995 §2: a SOA alone that is not newer than ours says that we have all there is. */
  private isUpToDate(): boolean {
    return this.base !== null && compareSerials(this.base.serial, this.serial) !== -1;
  }
}
