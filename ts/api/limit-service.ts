import type { ILimitInfo } from '../../ts_interfaces/index.ts';
import { entityTag, type IPrecondition } from './entity-tag.ts';
import { notAnObject } from './item-input.ts';
import { type IItemKind, ItemStore } from './item-store.ts';
import { limitWords, parseLimit } from './limit-input.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import { inUse, usersOf } from './name-users.ts';
import type { IPage, IPageQuery } from './paging.ts';
import type { ITagged } from './route-view.ts';
import type { ControlState, INamedLimit } from './state.ts';
import type { IProcessControl } from './types.ts';

/**
 * The rate limits that routes name: those of the file with what was changed over them. A change is
 * checked, stored (synced), and then holds for the next request; what clients took stays taken.
 */
export class LimitService {
  private readonly state: ControlState;
  private readonly process: IProcessControl;
  private readonly items: ItemStore<INamedLimit>;

  constructor(state: ControlState, process: IProcessControl) {
    this.state = state;
    this.process = process;
    this.items = new ItemStore(state, this.kind());
  }

  /** Number of limits. */
  get size(): number {
    return this.state.limits.size;
  }

  /**
   * A page of the limits, ordered by name.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  async list(query: IPageQuery = {}): Promise<IPage<ILimitInfo>> {
    const page = this.items.page(query);
    const users = this.routesByLimit(new Set(page.items));
    const items = page.items.map((name) => this.info(name, users.get(name) ?? []));
    return { ...page, items: await Promise.all(items) };
  }

  /** @throws DcError `LIMIT_UNKNOWN` */
  async get(name: string): Promise<ITagged<ILimitInfo>> {
    const key = this.items.resolve(name);
    const users = this.routesByLimit(new Set([key]));
    const item = await this.info(key, users.get(key) ?? []);
    const { limit, ...live } = item;
    return { item, tag: entityTag(limit, JSON.stringify(live)) };
  }

  /**
   * Makes a limit, or changes all of it.
   * @throws DcError `LIMIT_INVALID`, `PRECONDITION_FAILED`, `STORE_FAILED`
   */
  async put(
    name: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<ILimitInfo> & { created: boolean }> {
    const { key, created } = await this.items.put(name, input, precondition);
    return { ...(await this.get(key)), created };
  }

  /**
   * Changes members of a limit by a JSON merge patch (RFC 7396).
   * @throws as `put`, and DcError `LIMIT_UNKNOWN`
   */
  async patch(
    name: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<ILimitInfo>> {
    const key = await this.items.edit(name, precondition, ({ limit }) => {
      if (!isObject(patch)) throw notAnObject(limitWords);
      return mergePatch(limit, patch);
    });
    return await this.get(key);
  }

  /**
   * Removes a limit. One of the file stays away until it is made again.
   * @throws DcError `LIMIT_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`; ApiError `IN_USE` (409)
   *   while a route names it
   */
  remove(name: string, precondition?: IPrecondition): Promise<void> {
    return this.items.remove(name, precondition);
  }

  private async info(name: string, routes: string[]): Promise<ILimitInfo> {
    const { value, origin } = this.items.get(name);
    const counts = await this.state.limitTarget.info(name);
    const { keys = 0, allowed = 0, refused = 0 } = counts ?? {};
    return { name, limit: value.limit, origin, keys, allowed, refused, routes };
  }

  /** One walk over the routes for all limits of a page. */
  private routesByLimit(names: ReadonlySet<string>): Map<string, string[]> {
    const users = new Map<string, string[]>();
    for (const [id, { value }] of this.state.routes.entries()) {
      for (const limit of value.rateLimits ?? []) {
        if (typeof limit !== 'string' || !names.has(limit)) continue;
        const ids = users.get(limit) ?? [];
        if (ids.at(-1) !== id) ids.push(id);
        users.set(limit, ids);
      }
    }
    return users;
  }

  private tag(name: string): string {
    const { value, origin } = this.items.get(name);
    return entityTag(value.limit, origin);
  }

  private kind(): IItemKind<INamedLimit> {
    const { state, process } = this;
    return {
      ...limitWords,
      kind: 'limits',
      unknown: 'LIMIT_UNKNOWN',
      exists: 'LIMIT_INVALID',
      unknownMessage: (name) => `There is no rate limit "${name}"`,
      keyOf: ({ name }) => name,
      parse: (input, name, current) => parseLimit(current?.name ?? name ?? '', input),
      tag: (name) => this.tag(name),
      prepare: ({ key, after }) => {
        const users = after === undefined ? usersOf(state, process, 'limits', key) : [];
        if (users.length > 0) throw inUse(`the rate limit "${key}"`, users);
      },
      swap: (_prepared, { key, before, after }) => {
        const what = after === undefined ? 'removed' : before === undefined ? 'added' : 'changed';
        if (after === undefined) state.limitTarget.delete(key);
        else state.limitTarget.set(key, after.limit);
        state.logger.info('limit.changed', `The rate limit "${key}" was ${what}`, { name: key });
      },
    };
  }
}
