import { ClientSet, type IAddressLists } from '../../net/client-set.ts';

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
  private readonly clients: ClientSet;
  private readonly keys: ReadonlySet<string>;
  /** No address is wanted. */
  private readonly isOpen: boolean;

  /**
   * @param entries as in the options.
   * @param lists that entries may name. @default there are none
   * @throws DcError `CONFIG_INVALID` for what is neither an address, CIDR, list nor key.
   */
  constructor(entries: readonly string[], lists: IAddressLists = noLists) {
    const isKey = (entry: string): boolean => entry.startsWith(keyPrefix);
    const keys = entries.filter(isKey).map((entry) => keyNameOf(entry.slice(keyPrefix.length)));
    const others = entries.filter((entry) => !isKey(entry));
    const isAny = others.includes('any');
    this.keys = new Set(keys);
    this.clients = new ClientSet(
      others.filter((entry) => entry !== 'any'),
      lists,
    );
    this.isOpen = isAny || (others.length === 0 && keys.length > 0);
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
    return this.isOpen || this.clients.contains(address);
  }
}

/** The one text of a key's name: lower case, without the trailing dot. */
export function keyNameOf(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith('.') && lower.length > 1 ? lower.slice(0, -1) : lower;
}
