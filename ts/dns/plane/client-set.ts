import { CidrSet } from '../../net/cidr.ts';

/** Where named lists are looked up: `IDnsAddressLists` is one. */
export interface INamedSets {
  get(name: string): { contains(address: string): boolean } | undefined;
}

/** Clients by address: addresses, CIDRs and named lists, which are asked anew each time. */
export class ClientSet {
  private readonly addresses: CidrSet;
  private readonly names: readonly string[];
  private readonly lists: INamedSets;
  /** Who was looked for last: often the same one asks again. */
  private last = '';
  private isLastIn = false;

  /** @throws DcError `CONFIG_INVALID` for what is neither an address, a CIDR nor `@list`. */
  constructor(entries: readonly string[], lists: INamedSets) {
    this.addresses = new CidrSet(entries.filter((entry) => !isList(entry)));
    this.names = entries.filter(isList).map((entry) => entry.slice(1));
    this.lists = lists;
  }

  /** Whether the client is one of them; nobody is in a list that is not there. */
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

/** Names of the lists that entries point to. */
export function listNames(entries: readonly string[]): string[] {
  return entries.filter(isList).map((entry) => entry.slice(1));
}

function isList(entry: string): boolean {
  return entry.startsWith('@');
}
