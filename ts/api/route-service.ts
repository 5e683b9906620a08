import type { RouteConfig, TRouteInput } from '../../ts_interfaces/index.ts';
import { normalizeVHost } from '../config/host-name.ts';
import { parseRoute } from '../config/parse.ts';
import { DcError } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import type { IPrecondition } from './entity-tag.ts';
import { unmasked } from './item-input.ts';
import { type IItemChange, type IItemKind, ItemStore } from './item-store.ts';
import { maintenanceChange } from './maintenance.ts';
import { isObject } from './merge-patch.ts';
import { checkNames } from './named-items.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { sameConditions } from './route-conditions.ts';
import { pageOf } from './route-index.ts';
import { type IRouteView, type ITagged, tagOf, viewOf, withoutLiveState } from './route-view.ts';
import type { ControlState } from './state.ts';
import type { ILiveRoute } from './types.ts';

/** Which routes to list. */
export interface IRouteQuery extends IPageQuery {
  /** Only routes with exactly this virtual host. */
  vHost?: string;
  /** Only routes whose id or virtual host contains this text, in any case. */
  q?: string;
}

/**
 * The routes: those of the file with what was changed over them.
 *
 * A change is checked, compiled, stored (synced) and only then live, and its promise resolves after
 * that; when it rejects, nothing has changed. A `selector` is a route's id or, where only one route
 * has it, its virtual host.
 */
export class RouteService {
  private readonly state: ControlState;
  private readonly items: ItemStore<RouteConfig, ILiveRoute | undefined>;

  constructor(state: ControlState) {
    this.state = state;
    this.items = new ItemStore(state, routeKind(state));
  }

  /** Number of routes. */
  get size(): number {
    return this.state.routes.size;
  }

  /**
   * A page of the routes, ordered by id. Without `q` it costs the same with any number of routes.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  async list(query: IRouteQuery = {}): Promise<IPage<IRouteView>> {
    const { limit = pageLimitDefault } = query;
    const after = nameOfCursor(query.cursor);
    const found = await this.filtered(query);
    const { index } = this.state;
    const page = found === undefined ? index.page(after, limit) : pageOf(found, after, limit);
    return {
      items: page.ids.flatMap((id) => this.peek(id) ?? []),
      total: found === undefined ? index.size : found.length,
      nextCursor: cursorAfter(page.next),
    };
  }

  /** @throws DcError `ROUTE_UNKNOWN`; ApiError `ROUTE_AMBIGUOUS` (409) */
  get(selector: string): ITagged<IRouteView> {
    return this.view(this.resolve(selector));
  }

  /**
   * Adds a route.
   * @throws DcError `ROUTE_INVALID`, `ROUTE_EXISTS`, `STORE_FAILED`
   */
  async add(input: TRouteInput | unknown): Promise<ITagged<IRouteView>> {
    return this.view(await this.items.add(input));
  }

  /**
   * Replaces a route, or adds it when the selector is unknown; then the selector is its id, or
   * (when the input has an id of its own) its virtual host.
   * @throws DcError `ROUTE_INVALID`, `ROUTE_EXISTS`, `PRECONDITION_FAILED`, `STORE_FAILED`;
   *   ApiError `ROUTE_AMBIGUOUS`
   */
  async put(
    selector: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IRouteView> & { created: boolean }> {
    const { key, created } = await this.items.put(selector, input, precondition);
    return { ...this.view(key), created };
  }

  /**
   * Changes members of a route by a JSON merge patch (RFC 7396): `null` takes one away, lists are
   * replaced whole.
   * @throws as `put`, and DcError `ROUTE_UNKNOWN`
   */
  async patch(
    selector: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IRouteView>> {
    return this.view(await this.items.patch(selector, patch, precondition));
  }

  /**
   * Removes a route; its requests in flight end by themselves. A route of the file stays away until
   * it is added again.
   * @throws DcError `ROUTE_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`; ApiError
   *   `ROUTE_AMBIGUOUS`
   */
  remove(selector: string, precondition?: IPrecondition): Promise<void> {
    return this.items.remove(selector, precondition);
  }

  /**
   * Changes a route in its turn.
   *
   * @param change makes the new route of the current one; it is checked like any input.
   * @throws as `patch`, and whatever `change` throws
   */
  async edit(
    selector: string,
    precondition: IPrecondition | undefined,
    change: (current: RouteConfig) => unknown,
  ): Promise<ITagged<IRouteView>> {
    return this.view(await this.items.edit(selector, precondition, change));
  }

  /**
   * The id that a selector stands for.
   * @throws DcError `ROUTE_UNKNOWN`; ApiError `ROUTE_AMBIGUOUS` (409) naming the ids
   */
  resolve(selector: string): string {
    return this.items.resolve(selector);
  }

  private async filtered({ vHost, q }: IRouteQuery): Promise<string[] | undefined> {
    const { index, routes } = this.state;
    const text = q?.toLowerCase();
    const accepts = (id: string): boolean =>
      text === undefined ||
      id.toLowerCase().includes(text) ||
      routes.get(id)?.value.vHost.includes(text) === true;
    if (vHost !== undefined) {
      const host = normalizeVHost(vHost);
      return typeof host === 'string' ? index.idsOf(host).filter(accepts) : [];
    }
    return text === undefined ? undefined : await index.filter(accepts);
  }

  private peek(id: string): IRouteView | undefined {
    const found = this.state.routes.get(id);
    if (found === undefined) return undefined;
    return viewOf(found.value, found.origin, this.state.router.route(id));
  }

  private view(id: string): ITagged<IRouteView> {
    const { value, origin } = this.items.get(id);
    const live = this.state.router.route(id);
    return { item: viewOf(value, origin, live), tag: tagOf(value, origin, live) };
  }
}

/** What is particular to routes. */
function routeKind(state: ControlState): IItemKind<RouteConfig, ILiveRoute | undefined> {
  const words = { noun: 'route', nameOf: 'id', invalid: 'ROUTE_INVALID' } as const;
  return {
    ...words,
    kind: 'routes',
    unknown: 'ROUTE_UNKNOWN',
    exists: 'ROUTE_EXISTS',
    unknownMessage: (selector) => `No route has the id or virtual host "${selector}"`,
    find: (selector) => idOfHost(state, selector),
    namedBy: (config, selector) => {
      return config.id === selector || config.vHost === normalizeVHost(selector);
    },
    keyOf: (config) => config.id,
    parse: (input, id, current) => {
      const value = unmasked(words, withoutLiveState(withId(input, id)), current);
      return parseRoute(value);
    },
    tag: (id) => {
      const found = state.routes.get(id);
      return found === undefined ? '' : tagOf(found.value, found.origin, state.router.route(id));
    },
    prepare: ({ after }) => {
      if (after === undefined) return undefined;
      refuseTwin(state, after);
      checkNames(words, after, state);
      return state.router.prepareRoute(after);
    },
    storedAlso: (change) => {
      return lostMarks(state, change).map((id) => maintenanceChange(change.key, id, false));
    },
    swap: (prepared, change) => swapRoute(state, prepared, change),
  };
}

function swapRoute(
  state: ControlState,
  prepared: ILiveRoute | undefined,
  change: IItemChange<RouteConfig>,
): void {
  const { key: id, before, after } = change;
  for (const backendId of lostMarks(state, change)) state.marks.delete(id, backendId);
  state.reindex(before, after);
  const vHost = (after ?? before)?.vHost;
  if (prepared === undefined) {
    state.router.removeRoute(id);
    state.logger.info('route.removed', `Route "${id}" was removed`, { id, vHost });
    return;
  }
  state.router.setRoute(prepared);
  state.marks.applyTo(state.router.route(id));
  const event = before === undefined ? 'route.added' : 'route.changed';
  const what = before === undefined ? 'added' : 'changed';
  state.logger.info(event, `Route "${id}" was ${what}`, { id, vHost });
}

/** Backends that were taken out by hand and are not there any more. */
function lostMarks(
  state: ControlState,
  { key, before, after }: IItemChange<RouteConfig>,
): string[] {
  return before === undefined ? [] : state.marks.surplus(key, after?.backends ?? []);
}

/** An input with an id, when it has none of its own. */
function withId(input: unknown, id: string | undefined): unknown {
  return id !== undefined && isObject(input) && input.id === undefined ? { ...input, id } : input;
}

function idOfHost({ index }: ControlState, selector: string): string | undefined {
  const vHost = normalizeVHost(selector);
  const ids = typeof vHost === 'string' ? index.idsOf(vHost) : [];
  if (ids.length <= 1) return ids[0];
  throw new ApiError(
    'ROUTE_AMBIGUOUS',
    `${ids.length} routes have the virtual host "${selector}": use the id of one`,
    {
      problems: ids
        .slice(0, 100)
        .map((id) => ({ path: 'vHost', message: `Route "${id}" has it`, value: id })),
    },
  );
}

/** Two routes that take the same requests: the second would never get any. */
function refuseTwin({ index, routes }: ControlState, config: RouteConfig): void {
  for (const id of index.with(config.vHost)) {
    const other = routes.get(id)?.value;
    if (id === config.id || other === undefined || !sameConditions(config, other)) continue;
    throw new DcError(
      'ROUTE_EXISTS',
      `Route "${id}" takes the same requests: it has the same vHost, conditions and priority`,
      { problems: [{ path: 'vHost', message: `Route "${id}" has it`, value: config.vHost }] },
    );
  }
}
