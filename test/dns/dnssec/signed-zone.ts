import { ManualClock } from '../../../ts/core/manual-clock.ts';
import { formatName, parseName } from '../../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../../ts/dns/codec/rdata.ts';
import { recordTypeName } from '../../../ts/dns/codec/types.ts';
import {
  DnssecKey,
  groupRecords,
  type IDnskey,
  type ISignerOptions,
  type ISigningKeys,
  type IZoneKey,
  parseDnskey,
  ZoneSigner,
} from '../../../ts/dns/dnssec/index.ts';
import type { IRrset } from '../../../ts/dns/zone/owner-data.ts';
import { Zone } from '../../../ts/dns/zone/zone.ts';
import { fixture, recordsOf } from './records.ts';

const dnssecTypes = new Set([46, 47, 48, 50, 51]);

/** The zone `example.` of the fixtures without any signature. */
export function unsignedZone(extra = ''): Zone {
  const records = recordsOf(`${fixture('13-nsec-bind.zone')}\n${extra}`);
  const plain = records.filter(({ type }) => !dnssecTypes.has(type));
  return Zone.create(parseName('example.'), groupRecords(plain));
}

/** One key that does all. */
export function singleKey(key: DnssecKey, dnskeyTtlS = 3600): ISigningKeys {
  const keys = [key];
  return { published: keys, zone: keys, entry: keys, cds: [], cdnskey: [], dnskeyTtlS };
}

/** The zone with a signer and what is needed to check it. */
export function signedZone(options: ISignerOptions = {}, algorithm = 13, extra = '') {
  const clock = new ManualClock();
  const key = DnssecKey.generate(algorithm);
  const apex = parseName('example.');
  const signer = new ZoneSigner(apex, singleKey(key), options, clock);
  const zone = signer.prepare(unsignedZone(extra));
  const zoneKey: IZoneKey & IDnskey = parseDnskey(key.rdata) as IZoneKey;
  return { apex, clock, key, signer, zone, keys: [zoneKey] };
}

/** Rrsets as a master file with one record on each line. */
export function textOf(rrsets: Iterable<IRrset>): string {
  let text = '';
  for (const { name, type, ttl, rdatas } of rrsets) {
    for (const rdata of rdatas) {
      const data = rdataCodec(type).format(rdata);
      text += `${formatName(name)} ${ttl} IN ${recordTypeName(type)} ${data}\n`;
    }
  }
  return text;
}
