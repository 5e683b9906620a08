import assert from 'node:assert/strict';
import { ManualClock } from '../../../ts/core/manual-clock.ts';
import type { IRecord } from '../../../ts/dns/codec/message.ts';
import { formatName, isSubdomain, parseName } from '../../../ts/dns/codec/name.ts';
import { recordType, recordTypeOf } from '../../../ts/dns/codec/types.ts';
import {
  DnssecKey,
  groupRecords,
  type IResponse,
  type ISignerOptions,
  type ITrustAnchor,
  trustAnchorsOf,
  Validator,
  ZoneSigner,
} from '../../../ts/dns/dnssec/index.ts';
import { lookup } from '../../../ts/dns/zone/lookup.ts';
import type { IRrset } from '../../../ts/dns/zone/owner-data.ts';
import { Zone } from '../../../ts/dns/zone/zone.ts';
import { recordsOf } from './records.ts';
import { singleKey } from './signed-zone.ts';

/** How one zone of the world is made. */
export interface IWorldZone {
  readonly origin: string;
  /** Records without SOA and NS, which it gets. */
  readonly text: string;
  readonly signed?: boolean;
  readonly options?: ISignerOptions;
  readonly algorithm?: number;
}

interface IServedZone {
  readonly zone: Zone;
  readonly signer: ZoneSigner | undefined;
}

/** Changes an answer on its way to the validator. */
export type TTamper = (response: IResponse, name: string, type: number) => IResponse | null;

/** A small name space with a root, DS records where the child is signed, and its validator. */
export class World {
  readonly clock = new ManualClock();
  readonly keys = new Map<string, DnssecKey>();
  readonly zones: IServedZone[] = [];
  readonly asked: string[] = [];
  tamper: TTamper = (response) => response;
  readonly anchors: ITrustAnchor[];

  constructor(zones: readonly IWorldZone[]) {
    for (const { origin, signed = true, algorithm = 13 } of zones) {
      if (signed) this.keys.set(origin, DnssecKey.generate(algorithm));
    }
    for (const zone of zones) this.zones.push(this.make(zone));
    // Deeper zones come first.
    this.zones.sort((one, other) => other.zone.apex.length - one.zone.apex.length);
    const rdata = this.keys.get('.')?.ds(parseName('.')) ?? Buffer.alloc(0);
    const root = { name: parseName('.'), type: recordType.DS, class: 1, ttl: 0, rdata };
    this.anchors = trustAnchorsOf([root]);
  }

  /** Asks the world and checks what it says. */
  async validate(name: string, typeText: string, validator = this.validator()) {
    const type = recordTypeOf(typeText) ?? 0;
    const wire = parseName(name);
    const response = this.respond(wire, type);
    assert.ok(response !== null);
    const fetch = async (owner: Buffer, ofType: number) => this.respond(owner, ofType);
    const result = await validator.validate(wire, type, response, fetch);
    return { ...result, response };
  }

  validator(): Validator {
    return new Validator({ anchors: this.anchors }, this.clock);
  }

  /** The tampered answer of the zone that is responsible. */
  respond(name: Buffer, type: number): IResponse | null {
    this.asked.push(`${formatName(name)} ${type}`);
    return this.tamper(this.answer(name, type), formatName(name), type);
  }

  /** The honest answer. */
  answer(name: Buffer, type: number): IResponse {
    const isParents = (apex: Buffer) => type === recordType.DS && apex.length > 1;
    const served = this.zones.find(
      ({ zone }) =>
        isSubdomain(name, zone.apex) && !(isParents(zone.apex) && name.length === zone.apex.length),
    );
    assert.ok(served !== undefined);
    const { zone, signer } = served;
    const found = lookup(zone, name, type);
    assert.ok(found !== undefined && found.kind !== 'delegation', formatName(name));
    if (signer === undefined) {
      const rcode = found.kind === 'nxdomain' ? 3 : 0;
      const rrsets = 'rrsets' in found ? found.rrsets : 'rrset' in found ? [found.rrset] : [];
      return { rcode, answer: flat(rrsets), authority: [] };
    }
    const { answer, authority, nxdomain } = signer.respond(zone, name, type, found);
    return { rcode: nxdomain ? 3 : 0, answer: flat(answer), authority: flat(authority) };
  }

  private make({ origin, text, signed = true, options }: IWorldZone): IServedZone {
    const apex = parseName(origin);
    const dot = origin === '.' ? '' : `.${origin}`;
    const head = `${origin} IN SOA ns${dot || '.'} host${dot || '.'} 1 7200 3600 1209600 300
      ${origin} IN NS ns.elsewhere.`;
    const records = recordsOf(`${head}\n${text}`);
    for (const [child, key] of this.keys) {
      const name = parseName(child);
      const isChild = records.some(
        (record) => record.type === recordType.NS && record.name.equals(name) && child !== origin,
      );
      if (isChild) records.push({ name, type: 43, class: 1, ttl: 3600, rdata: key.ds(name) });
    }
    const zone = Zone.create(apex, groupRecords(records));
    const key = this.keys.get(origin);
    if (!signed || key === undefined) return { zone, signer: undefined };
    const signer = new ZoneSigner(apex, singleKey(key), options, this.clock);
    return { zone: signer.prepare(zone), signer };
  }
}

/** The records of rrsets. */
export function flat(rrsets: readonly IRrset[]): IRecord[] {
  return rrsets.flatMap(({ name, type, class: recordClass, ttl, rdatas }) =>
    rdatas.map((rdata) => ({ name, type, class: recordClass, ttl, rdata })),
  );
}

/** An answer without its signatures. */
export function unsigned(response: IResponse): IResponse {
  const keep = ({ type }: IRecord) => type !== recordType.RRSIG;
  return {
    ...response,
    answer: response.answer.filter(keep),
    authority: response.authority.filter(keep),
  };
}
