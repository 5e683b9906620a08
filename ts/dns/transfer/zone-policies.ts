import type { IZoneOptions } from '../../../ts_interfaces/index.ts';
import type { IAddressLists } from '../../net/client-set.ts';
import { canonicalIp } from '../../net/ip.ts';
import { UpdatePolicy } from '../update/update-policy.ts';
import { Acl, keyNameOf } from '../zones/acl.ts';
import type { IHostedZone } from '../zones/types.ts';

/** Who may do what with one zone. */
export interface IZonePolicy {
  readonly transfer: Acl;
  readonly notifyFrom: Acl;
  readonly update: UpdatePolicy;
}

/** The policies of zones, compiled when they are asked for first and for as long as the options live. */
export class ZonePolicies {
  private readonly lists: IAddressLists;
  private readonly known = new WeakMap<IZoneOptions, IZonePolicy>();

  /** @param lists are asked anew for each client. */
  constructor(lists: IAddressLists) {
    this.lists = lists;
  }

  of({ options, apex }: Pick<IHostedZone, 'options' | 'apex'>): IZonePolicy {
    const known = this.known.get(options);
    if (known !== undefined) return known;
    const policy = {
      transfer: new Acl(options.transfer ?? [], this.lists),
      notifyFrom: new Acl(options.notifyFrom ?? [], this.lists),
      update: new UpdatePolicy(options.update ?? [], apex, this.lists),
    };
    this.known.set(options, policy);
    return policy;
  }

  /**
   * Whether a NOTIFY for a secondary is believed: from a primary, signed with its key if it has one,
   * or from whom `notifyFrom` allows.
   */
  mayNotify(zone: IHostedZone, address: string, keyName: string | null): boolean {
    const isPrimary = (zone.options.primaries ?? []).some((primary) => {
      if (canonicalIp(primary.address) !== canonicalIp(address)) return false;
      return primary.key === undefined || keyNameOf(primary.key) === keyName;
    });
    return isPrimary || this.of(zone).notifyFrom.allows(address, keyName);
  }
}
