import type { IDnssecKeyInfo } from '../../../../ts_interfaces/index.ts';
import { DcError } from '../../../core/errors.ts';
import { rdataCodec } from '../../codec/rdata.ts';
import { RdataError } from '../../codec/tokens.ts';
import { recordType } from '../../codec/types.ts';
import { dsMatches, type IManagedKeyInfo, parseDs } from '../../dnssec/index.ts';
import { parseDsText } from './parent-ds.ts';

/** What may be shown of a key. */
export function keyInfo(key: IManagedKeyInfo): IDnssecKeyInfo {
  const { life, role, state, algorithmName, tag, ds, waitsForDs, rdata } = key;
  return {
    id: life.id,
    role,
    state,
    algorithm: algorithmName,
    tag,
    dnskey: rdataCodec(recordType.DNSKEY).format(rdata),
    ds: ds === null ? null : rdataCodec(recordType.DS).format(ds),
    waitsForDs,
    createdAt: new Date(life.generatedS * 1000).toISOString(),
  };
}

/** What CDS says, or will say of a zone that was signed just now. */
export function dsWanted(keys: readonly IManagedKeyInfo[]): IManagedKeyInfo[] {
  const entries = keys.filter(({ ds, life }) => ds !== null && life.dsEndS === null);
  // Of those that nobody was told of yet, only the oldest is with everybody for sure.
  const wanted = entries.findLast(({ life }) => life.submittedS !== null) ?? entries[0];
  return wanted === undefined ? [] : [wanted];
}

/** Its DS as in a master file; empty for a ZSK. */
export function dsText({ ds }: IManagedKeyInfo): string {
  return ds === null ? '' : rdataCodec(recordType.DS).format(ds);
}

/** Whether a DS is of one of a zone's keys. @param apex in wire form. */
export function isOfKeys(rdata: Buffer, apex: Buffer, keys: readonly IManagedKeyInfo[]): boolean {
  const ds = parseDs(rdata);
  if (ds === null) return false;
  return keys.some((key) => key.ds !== null && dsMatches(ds, apex, key));
}

/** The rdata of a DS that somebody gave us. @throws DcError `ZONE_INVALID` */
export function parseGiven(id: string, text: string, index: number): Buffer {
  try {
    return parseDsText(text);
  } catch (error) {
    if (!(error instanceof RdataError)) throw error;
    throw new DcError('ZONE_INVALID', `Cannot confirm the DS of "${id}"`, {
      problems: [{ path: `ds[${index}]`, message: error.message, value: text }],
    });
  }
}
