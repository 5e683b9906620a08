import { CidrSet } from '../../net/cidr.ts';
import { canonicalIp } from '../../net/ip.ts';

/** The named lists that an `Acl` may point to; `AddressLists` of the net part fits. */
export interface IAddressLists {
  /** Undefined: there is no such list now, and nobody is in it. */
  get(name: string): { contains(address: string): boolean } | undefined;
}

const keyPrefix = 'key:';
const noLists: IAddressLists = { get: () => undefined };

/**
 * Who may do something with a zone: addresses, CIDRs, `any`, `@list` and `key:NAME`.
 *
 * A client is in when its address is in one of the entries for addresses, if there are any, and its
 * message is signed with one of the keys, if there are any: `10.0.0.0/8` with `key:mover` wants
 * both. (In a list of BIND one fitting entry is enough, and what BIND writes `{ !{ !10/8; any; };
 * key mover; }` is meant here.) Without entries nobody is in. Lists are asked anew each time.
 */
export class Acl {
  private readonly addresses = new CidrSet();
  private readonly lists: readonly string[];
  private readonly keys: ReadonlySet<string>;
  private readonly isAny: boolean;
  private readonly isOpen: boolean;
  private readonly source: IAddressLists;

  /**
   * @param entries as in the options.
   * @param source of the lists. @default there are none
   * @throws DcError `CONFIG_INVALID` for what is neither an address, CIDR, list nor key.
   */
  constructor(entries: readonly string[], source: IAddressLists = noLists) {
    this.source = source;
    this.keys = new Set(
      entries
        .filter((entry) => entry.startsWith(keyPrefix))
        .map((entry) => keyNameOf(entry.slice(keyPrefix.length))),
    );
    const others = entries.filter((entry) => !entry.startsWith(keyPrefix));
    this.isAny = others.includes('any');
    this.lists = others.filter((entry) => entry.startsWith('@')).map((entry) => entry.slice(1));
    for (const entry of others) {
      if (entry !== 'any' && !entry.startsWith('@')) this.addresses.add(entry);
    }
    this.isOpen = this.isAny || (others.length === 0 && this.keys.size > 0);
  }

  /** Whether nobody is ever in. */
  get isEmpty(): boolean {
    return !this.isOpen && this.lists.length === 0 && this.addresses.size === 0;
  }

  /**
   * Whether a client is in.
   *
   * @param address IP address in any form.
   * @param keyName of the key that its message was verified with, in any case, with or without the
   *   trailing dot; null: it was not signed.
   */
  allows(address: string, keyName: string | null): boolean {
    if (this.keys.size > 0 && (keyName === null || !this.keys.has(keyNameOf(keyName)))) {
      return false;
    }
    if (this.isOpen) return true;
    const normal = canonicalIp(address) ?? address;
    if (this.addresses.contains(normal)) return true;
    return this.lists.some((name) => this.source.get(name)?.contains(normal) === true);
  }
}

/** The one text of a key's name: lower case, without the trailing dot. */
export function keyNameOf(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith('.') && lower.length > 1 ? lower.slice(0, -1) : lower;
}
