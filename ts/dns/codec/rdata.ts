/** The data of records, by type: text, wire form, canonical form. */

import { basicCodecs } from './rdata/basic.ts';
import { type IRdataCodec, unknownCodec } from './rdata/codec.ts';
import { locationCodecs } from './rdata/location.ts';
import { rareCodecs } from './rdata/rare.ts';
import { securityCodecs } from './rdata/security.ts';
import { serviceCodecs } from './rdata/service.ts';
import { recordTypeOf } from './types.ts';

export type { IRdataCodec, TNameRange } from './rdata/codec.ts';

const codecs = new Map<number, IRdataCodec>(
  Object.entries({
    ...basicCodecs,
    ...securityCodecs,
    ...serviceCodecs,
    ...locationCodecs,
    ...rareCodecs,
  }).map(([name, codec]) => [recordTypeOf(name) as number, codec]),
);

/**
 * The codec of a type in the class IN. A type that is not known, or is of the message only (OPT,
 * TSIG, TKEY), has any bytes as its data, and only the generic text of RFC 3597.
 */
export function rdataCodec(type: number): IRdataCodec {
  return codecs.get(type) ?? unknownCodec;
}

/** The types whose data we know, i.e. which have a text of their own. */
export function knownTypes(): number[] {
  return [...codecs.keys()];
}
