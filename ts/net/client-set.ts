import { CidrSet } from './cidr.ts';

/** Where named lists of addresses are looked up: `AddressLists` is one. */
export interface IAddressLists {
  /** Undefined: there is no such list now, and nobody is in it. */
  get(name: string): { contains(address: string): boolean } | undefined;
}

/**
 * Clients by address: addresses, CIDRs, and named lists (`@office`), which are asked anew each time,
 * so that their changes count at once, also that one comes or goes.
 */
export class ClientSet {
  private readonly addresses: CidrSet;
  private readonly names: readonly string[];
  private readonly lists: IAddressLists;
  /** Who was looked for last: often the same one asks again. */
  private last = '';
  private isLastIn = false;

  /** @throws DcError `CONFIG_INVALID` for what is neither an address, a CIDR nor `@list`. */
  constructor(entries: readonly string[], lists: IAddressLists) {
    this.addresses = new CidrSet(entries.filter((entry) => !isList(entry)));
    this.names = listNames(entries);
    this.lists = lists;
  }

  /** Whether the client is one of them; a text that is no address is not. */
  contains(address: string): boolean {
    if (address !== this.last) {
      this.last = address;
      this.isLastIn = this.addresses.contains(address);
    }
    if (this.isLastIn) return true;
    for (const name of this.names) if (this.lists.get(name)?.contains(address)) return true;
    return false;
  }
}

/** Names of the lists that entries point to, in their order. */
export function listNames(entries: readonly string[]): string[] {
  return entries.filter(isList).map((entry) => entry.slice(1));
}

function isList(entry: string): boolean {
  return entry.startsWith('@');
}
