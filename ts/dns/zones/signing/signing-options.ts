import type { IDnssecOptions, IZoneOptions } from '../../../../ts_interfaces/index.ts';
import { algorithmByName, type IKeyPolicy, type ISignerOptions } from '../../dnssec/index.ts';

const dayS = 86_400;
const defaultAlgorithm = 13;

/** How a zone is to be signed; null: not at all. */
export function dnssecOf({ dnssec }: Pick<IZoneOptions, 'dnssec'>): IDnssecOptions | null {
  if (dnssec === undefined || dnssec === false) return null;
  return dnssec === true ? {} : dnssec;
}

/** IANA's number of the algorithm that is asked for; undefined: that of the keys that there are. */
export function algorithmWanted({ algorithm }: IDnssecOptions): number | undefined {
  return algorithm === undefined ? undefined : algorithmByName(algorithm)?.number;
}

/** How its keys are kept. @param ttlMaxS the longest TTL in the zone; less than a day counts as one. */
export function policyOf(options: IDnssecOptions, ttlMaxS = 0): IKeyPolicy {
  const { keys = 'csk', zskLifetimeDays = 90, kskLifetimeDays = 0, parentDsTtl = dayS } = options;
  return {
    algorithm: algorithmWanted(options) ?? defaultAlgorithm,
    scheme: keys,
    zskLifetimeS: zskLifetimeDays * dayS,
    kskLifetimeS: kskLifetimeDays * dayS,
    dsTtlS: parentDsTtl,
    zoneTtlMaxS: Math.max(dayS, ttlMaxS),
  };
}

/** How its records are signed. */
export function signerOptionsOf(options: IDnssecOptions): ISignerOptions {
  const { denial = 'compact', validityDays = 14 } = options;
  return { denial, validityS: validityDays * dayS };
}
