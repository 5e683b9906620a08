import type { IAddressListInfo } from '../../ts_interfaces/index.ts';
import { canonicalIp } from '../net/ip.ts';
import {
  accessWords,
  changedList,
  type IAddressChange,
  parseList,
  readChange,
  readList,
} from './access-input.ts';
import { ApiError } from './api-error.ts';
import { entityTag, type IPrecondition, keyedDigest } from './entity-tag.ts';
import { type IItemKind, ItemStore } from './item-store.ts';
import { inUse, usersOf } from './name-users.ts';
import type { IPage, IPageQuery } from './paging.ts';
import type { ITagged } from './route-view.ts';
import type { ControlState, IAddressList } from './state.ts';
import type { IProcessControl } from './types.ts';

/** An address list without what is in it. */
export type TAddressListSummary = Omit<IAddressListInfo, 'addresses'>;

/** What a change of a list did. */
export interface IAddressListChange extends TAddressListSummary {
  /** How many were not in it. */
  added: number;
  /** How many were in it. */
  removed: number;
}

/**
 * The address lists that access rules name: those of the file with what was changed over them. A
 * change is checked, stored (synced), and then holds for the next connection or request.
 */
export class AccessService {
  private readonly state: ControlState;
  private readonly items: ItemStore<IAddressList>;
  /** How a list was made of the one before it, so that a large one need not be read again. */
  private readonly changes = new WeakMap<IAddressList, IAddressChange>();
  private readonly digests = new WeakMap<IAddressList, string>();

  constructor(state: ControlState, process: IProcessControl) {
    this.state = state;
    this.items = new ItemStore(state, this.kind(process));
  }

  /** Number of lists. */
  get size(): number {
    return this.state.access.size;
  }

  /**
   * A page of the lists, ordered by name.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  list(query: IPageQuery = {}): IPage<TAddressListSummary> {
    const page = this.items.page(query);
    return { ...page, items: page.items.map((name) => this.summary(name)) };
  }

  /** A list with what is in it. @throws DcError `ACCESS_UNKNOWN` */
  get(name: string): ITagged<IAddressListInfo> {
    const key = this.items.resolve(name);
    const addresses = [...this.items.config(key).addresses];
    return { item: { ...this.summary(key), addresses }, tag: this.tag(key) };
  }

  /**
   * Makes a list, or puts other addresses into it.
   * @throws DcError `ACCESS_INVALID`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  async put(
    name: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<TAddressListSummary> & { created: boolean }> {
    const list = await readList(name, input);
    const { key, created } = await this.items.put(name, list, precondition);
    return { item: this.summary(key), tag: this.tag(key), created };
  }

  /**
   * Takes addresses out of a list (`remove`), then adds some (`add`); those that are not or already
   * there do no harm. `10.0.0.0/8` is one entry: `10.1.2.3` cannot be taken out of it.
   * @throws DcError `ACCESS_UNKNOWN`, `ACCESS_INVALID`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  async change(
    name: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IAddressListChange>> {
    const change = await readChange(input);
    const counts = { added: 0, removed: 0 };
    const key = await this.items.edit(name, precondition, (before) => {
      const { list, added, removed } = changedList(before, change);
      Object.assign(counts, { added, removed });
      this.changes.set(list, change);
      return list;
    });
    return { item: { ...this.summary(key), ...counts }, tag: this.tag(key) };
  }

  /**
   * Removes a list. One of the file stays away until it is made again.
   * @throws DcError `ACCESS_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`; ApiError `IN_USE` (409)
   *   while something names it
   */
  remove(name: string, precondition?: IPrecondition): Promise<void> {
    return this.items.remove(name, precondition);
  }

  /** Names of the lists that an address is in. @throws ApiError `REQUEST_INVALID` (400) */
  check(given: string): { address: string; lists: string[] } {
    const address = canonicalIp(given);
    if (address === undefined) {
      const problems = [{ path: 'address', message: 'Must be an IP address', value: given }];
      throw new ApiError('REQUEST_INVALID', `"${given}" is no IP address`, { problems });
    }
    const { access, accessTarget } = this.state;
    const lists: string[] = [];
    for (const [name] of access.entries()) {
      if (accessTarget.get(name)?.contains(address) === true) lists.push(name);
    }
    return { address, lists: lists.sort() };
  }

  private summary(name: string): TAddressListSummary {
    const { value, origin } = this.items.get(name);
    const ranges = this.state.accessTarget.get(name)?.size ?? value.addresses.length;
    return { name, ranges, origin };
  }

  private tag(name: string): string {
    const { value, origin } = this.items.get(name);
    let digest = this.digests.get(value);
    if (digest === undefined) {
      digest = keyedDigest(value.addresses.join(' '));
      this.digests.set(value, digest);
    }
    return entityTag(digest, origin);
  }

  private kind(process: IProcessControl): IItemKind<IAddressList> {
    const { state } = this;
    return {
      ...accessWords,
      kind: 'access',
      unknown: 'ACCESS_UNKNOWN',
      exists: 'ACCESS_INVALID',
      unknownMessage: (name) => `There is no address list "${name}"`,
      keyOf: ({ name }) => name,
      parse: (input, name, current) => parseList(current?.name ?? name ?? '', input),
      tag: (name) => this.tag(name),
      prepare: ({ key, after }) => {
        if (after === undefined) refuseUsed(state, process, key);
      },
      swap: (_prepared, { key, before, after }) => {
        const what = after === undefined ? 'removed' : before === undefined ? 'added' : 'changed';
        const ranges = this.makeLive(key, after);
        const data = { name: key, ranges };
        state.logger.info('access.changed', `The address list "${key}" was ${what}`, data);
      },
    };
  }

  private makeLive(name: string, after: IAddressList | undefined): number {
    const { accessTarget } = this.state;
    if (after === undefined) {
      accessTarget.delete(name);
      return 0;
    }
    const change = this.changes.get(after);
    const live = accessTarget.get(name);
    if (change === undefined || live?.add === undefined || live.remove === undefined) {
      accessTarget.set(name, after.addresses);
    } else {
      live.remove(change.remove);
      live.add(change.add);
    }
    return accessTarget.get(name)?.size ?? after.addresses.length;
  }
}

/** @throws ApiError `IN_USE`: to take a list away could let everybody in, or lock everybody out. */
function refuseUsed(state: ControlState, process: IProcessControl, name: string): void {
  const users = usersOf(state, process, 'access', name);
  if (users.length > 0) throw inUse(`the address list "${name}"`, users);
}
