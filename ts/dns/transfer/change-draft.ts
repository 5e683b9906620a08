import type { IRecord } from '../codec/message.ts';
import { nameKey } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { IRrsetChange, Zone } from '../zone/zone.ts';
import { PeerFailure } from './peer-query.ts';

interface IDraftRrset {
  readonly name: Buffer;
  readonly type: number;
  readonly covered: number;
  ttl: number;
  /** By their bytes. */
  readonly rdatas: Map<string, Buffer>;
}

/** Collects the differences of an IXFR on top of a version of the zone. */
export class ChangeDraft {
  private readonly base: Zone;
  private readonly rrsets = new Map<string, IDraftRrset>();

  constructor(base: Zone) {
    this.base = base;
  }

  /** @throws PeerFailure when there is no such record: the primary speaks of another version. */
  remove(record: IRecord): void {
    const rrset = this.rrsetOf(record);
    if (!rrset.rdatas.delete(record.rdata.toString('latin1'))) {
      throw new PeerFailure('its differences are not to our version');
    }
  }

  /** Adds a record; one that is there stays. Its data is copied. */
  add(record: IRecord): void {
    const rrset = this.rrsetOf(record);
    rrset.ttl = record.ttl;
    rrset.rdatas.set(record.rdata.toString('latin1'), Buffer.from(record.rdata));
  }

  /** The version with all of it. @throws DcError `CONFIG_INVALID` when that is no zone. */
  finish(soa: IRecord): Zone {
    const changes: IRrsetChange[] = [...this.rrsets.values()].map((rrset) => {
      const { name, type, covered, ttl, rdatas } = rrset;
      const change = { name, type, ttl, rdatas: [...rdatas.values()] };
      return type === recordType.RRSIG ? { ...change, covered } : change;
    });
    const { name, type, ttl, rdata } = soa;
    return this.base.replace([...changes, { name, type, ttl, rdatas: [rdata] }], {
      serial: 'keep',
    });
  }

  private rrsetOf({ name, type, ttl, rdata }: IRecord): IDraftRrset {
    const covered = type === recordType.RRSIG ? rdata.readUInt16BE(0) : 0;
    const id = `${type} ${covered} ${nameKey(name)}`;
    const known = this.rrsets.get(id);
    if (known !== undefined) return known;
    const node = this.base.node(name);
    const before = type === recordType.RRSIG ? node?.signatures(covered) : node?.rrset(type);
    const rdatas = new Map(
      (before?.rdatas ?? []).map((data) => [data.toString('latin1'), data] as const),
    );
    const rrset = { name: Buffer.from(name), type, covered, ttl: before?.ttl ?? ttl, rdatas };
    this.rrsets.set(id, rrset);
    return rrset;
  }
}
