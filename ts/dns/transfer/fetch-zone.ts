import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import { emptyMessage, type IRecord } from '../codec/message.ts';
import { recordClass, recordType } from '../codec/types.ts';
import { checkZoneGently } from '../zone/check.ts';
import type { Zone } from '../zone/zone.ts';
import { soaRecord } from './outgoing-records.ts';
import { type IPeerParts, PeerFailure, prepareQuery, timeS } from './peer-query.ts';
import { converse, type IStreamLimits } from './peer-stream.ts';
import {
  type ITransferLimits,
  TransferReader,
  type TTransferred,
  transferLimitsDefault,
} from './transfer-reader.ts';

/** A transfer that brings no whole message for so long is given up. */
export const transferStallMs = 30_000;
/** A transfer that takes longer is given up. */
export const transferTotalMs = 2 * 3_600_000;

/** What is fetched, and how much of it may come. */
export interface IFetchOptions {
  readonly apex: Buffer;
  /** What there is; null: nothing, or nothing of it shall stay. */
  readonly base: Zone | null;
  /** @default transferLimitsDefault */
  readonly limits?: ITransferLimits;
  /** @default transferStallMs and transferTotalMs */
  readonly times?: IStreamLimits;
}

const timesDefault: IStreamLimits = { stallMs: transferStallMs, totalMs: transferTotalMs };

/** So large a zone is not looked through again for a few changes. */
const checkedAgainMax = 100_000;

/**
 * Fetches a zone from a primary: what has changed by IXFR, or all of it by AXFR, also where the
 * primary does not know IXFR or its differences do not fit.
 *
 * @returns a zone that may be served: `checkZone` finds no error in it.
 * @throws PeerFailure, the reason of the signal.
 */
export async function fetchZone(
  parts: IPeerParts,
  peer: IZonePeer,
  options: IFetchOptions,
  signal: AbortSignal,
): Promise<TTransferred> {
  if (options.base !== null) {
    try {
      return await fetchBy(parts, peer, options, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PeerFailure && error.isUnreachable) throw error;
      // Whatever an IXFR came to, the whole zone may do.
    }
  }
  return fetchBy(parts, peer, { ...options, base: null }, signal);
}

async function fetchBy(
  parts: IPeerParts,
  peer: IZonePeer,
  { apex, base, limits = transferLimitsDefault, times = timesDefault }: IFetchOptions,
  signal: AbortSignal,
): Promise<TTransferred> {
  const type = base === null ? recordType.AXFR : recordType.IXFR;
  const authority: IRecord[] = base === null ? [] : [soaRecord(base)];
  const question = [{ name: apex, type, class: recordClass.IN }];
  const query = prepareQuery(parts, peer, { ...emptyMessage, question, authority });
  const reader = new TransferReader(query, apex, base, limits);
  const take = (message: Buffer): boolean => reader.take(message, timeS(parts.clock));
  await converse(parts, peer, query, take, times, signal);
  const transferred = await reader.finish();
  signal.throwIfAborted();
  if (transferred.kind === 'zone') await refuseBad(transferred.zone, transferred.isWhole);
  signal.throwIfAborted();
  return transferred;
}

/** @throws PeerFailure for a zone that must not be served. */
async function refuseBad(zone: Zone, isWhole: boolean): Promise<void> {
  if (!isWhole && zone.recordCount > checkedAgainMax) return;
  const problems = await checkZoneGently(zone);
  const bad = problems.kept.find(({ severity }) => severity === 'error');
  if (bad !== undefined) throw new PeerFailure(`its zone is invalid: ${bad.path}: ${bad.message}`);
}
