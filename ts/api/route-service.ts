import type { RouteConfig, TRouteInput } from '../../ts_interfaces/index.ts';
import { normalizeVHost } from '../config/host-name.ts';
import { DcError } from '../core/errors.ts';
import type { IStoreChange } from '../storage/store.ts';
import { ApiError } from './api-error.ts';
import { checkPrecondition, type IPrecondition } from './entity-tag.ts';
import { maintenanceChange } from './maintenance.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { sameConditions } from './route-conditions.ts';
import { pageOf } from './route-index.ts';
import { checkSameId, notAnObject, parseInput, withId, wrongId } from './route-input.ts';
import { type IRouteView, type ITagged, tagOf, viewOf } from './route-view.ts';
import { type ControlState, overlayChange } from './state.ts';

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

  constructor(state: ControlState) {
    this.state = state;
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
  add(input: TRouteInput | unknown): Promise<ITagged<IRouteView>> {
    return this.state.serial.run(async () => {
      const config = parseInput(input, undefined);
      if (this.state.routes.get(config.id) !== undefined) {
        throw new DcError('ROUTE_EXISTS', `A route has the id "${config.id}" already`);
      }
      await this.save(undefined, config);
      return this.view(config.id);
    });
  }

  /**
   * Replaces a route, or adds it when the selector is unknown; then the selector is its id, or
   * (when the input has an id of its own) its virtual host.
   * @throws DcError `ROUTE_INVALID`, `ROUTE_EXISTS`, `PRECONDITION_FAILED`, `STORE_FAILED`;
   *   ApiError `ROUTE_AMBIGUOUS`
   */
  put(
    selector: string,
    input: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IRouteView> & { created: boolean }> {
    return this.state.serial.run(async () => {
      const id = this.find(selector);
      const current = id === undefined ? undefined : this.config(id);
      checkPrecondition(precondition, id === undefined ? undefined : this.view(id).tag);
      const config = parseInput(withId(input, id ?? selector), current);
      if (current === undefined) this.checkNewName(config, selector);
      else checkSameId(config, current.id);
      await this.save(current, config);
      return { ...this.view(config.id), created: current === undefined };
    });
  }

  /**
   * Changes members of a route by a JSON merge patch (RFC 7396): `null` takes one away, lists are
   * replaced whole.
   * @throws as `put`, and DcError `ROUTE_UNKNOWN`
   */
  patch(
    selector: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IRouteView>> {
    return this.edit(selector, precondition, (current) => {
      if (!isObject(patch)) throw notAnObject();
      return mergePatch(current, patch);
    });
  }

  /**
   * Removes a route; its requests in flight end by themselves. A route of the file stays away until
   * it is added again.
   * @throws DcError `ROUTE_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`; ApiError
   *   `ROUTE_AMBIGUOUS`
   */
  remove(selector: string, precondition?: IPrecondition): Promise<void> {
    return this.state.serial.run(async () => {
      if (this.find(selector) === undefined && this.state.disabled.routes.has(selector)) {
        checkPrecondition(precondition, undefined);
        await this.removeDisabled(selector);
        return;
      }
      const id = this.resolve(selector);
      checkPrecondition(precondition, this.view(id).tag);
      await this.save(this.config(id), undefined);
    });
  }

  /**
   * Changes a route in its turn.
   *
   * @param change makes the new route of the current one; it is checked like any input.
   * @throws as `patch`, and whatever `change` throws
   */
  edit(
    selector: string,
    precondition: IPrecondition | undefined,
    change: (current: RouteConfig) => unknown,
  ): Promise<ITagged<IRouteView>> {
    return this.state.serial.run(async () => {
      const id = this.resolve(selector);
      checkPrecondition(precondition, this.view(id).tag);
      const current = this.config(id);
      const config = parseInput(change(current), current);
      checkSameId(config, id);
      await this.save(current, config);
      return this.view(id);
    });
  }

  /**
   * The id that a selector stands for.
   * @throws DcError `ROUTE_UNKNOWN`; ApiError `ROUTE_AMBIGUOUS` (409) naming the ids
   */
  resolve(selector: string): string {
    const id = this.find(selector);
    if (id !== undefined) return id;
    const disabled = this.state.disabled.routes.get(selector);
    if (disabled === undefined) {
      throw new DcError('ROUTE_UNKNOWN', `No route has the id or virtual host "${selector}"`);
    }
    throw new DcError('ROUTE_UNKNOWN', `The route "${selector}" is disabled: it is not valid`, {
      problems: disabled.problems,
    });
  }

  private find(selector: string): string | undefined {
    if (this.state.routes.get(selector) !== undefined) return selector;
    const vHost = normalizeVHost(selector);
    const ids = typeof vHost === 'string' ? this.state.index.idsOf(vHost) : [];
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
    const { router, routes } = this.state;
    const found = routes.get(id);
    if (found === undefined) throw new DcError('ROUTE_UNKNOWN', `No route has the id "${id}"`);
    const live = router.route(id);
    return {
      item: viewOf(found.value, found.origin, live),
      tag: tagOf(found.value, found.origin, live),
    };
  }

  private config(id: string): RouteConfig {
    const found = this.state.routes.get(id);
    if (found === undefined) throw new DcError('ROUTE_UNKNOWN', `No route has the id "${id}"`);
    return found.value;
  }

  private checkNewName(config: RouteConfig, selector: string): void {
    if (config.id !== selector && config.vHost !== normalizeVHost(selector)) {
      throw wrongId(config.id, 'Must be the id (or the vHost that) the address names', selector);
    }
    if (this.state.routes.get(config.id) !== undefined) {
      throw new DcError('ROUTE_EXISTS', `A route has the id "${config.id}" already`);
    }
  }

  /** Compiles, stores and swaps; runs in the turn of a change. */
  private async save(
    before: RouteConfig | undefined,
    after: RouteConfig | undefined,
  ): Promise<void> {
    const { state } = this;
    const id = (after ?? before)?.id as string;
    if (after !== undefined) this.refuseTwin(after);
    const prepared = after === undefined ? undefined : state.router.prepareRoute(after);
    const lost = before === undefined ? [] : state.marks.surplus(id, after?.backends ?? []);
    await state.store.write([
      this.overlayChange(id, after),
      ...lost.map((backendId) => maintenanceChange(id, backendId, false)),
    ]);

    if (after === undefined) state.routes.applyRemove(id);
    else state.routes.applySet(id, after);
    state.disabled.routes.delete(id);
    for (const backendId of lost) state.marks.delete(id, backendId);
    state.reindex(before, after);
    const vHost = (after ?? before)?.vHost;
    if (prepared === undefined) {
      state.router.removeRoute(id);
      state.logger.info('route.removed', `Route "${id}" was removed`, { id, vHost });
    } else {
      state.router.setRoute(prepared);
      state.marks.applyTo(state.router.route(id));
      const event = before === undefined ? 'route.added' : 'route.changed';
      const what = before === undefined ? 'added' : 'changed';
      state.logger.info(event, `Route "${id}" was ${what}`, { id, vHost });
    }
  }

  private async removeDisabled(id: string): Promise<void> {
    const { state } = this;
    await state.store.write([this.overlayChange(id, undefined)]);
    state.disabled.routes.delete(id);
  }

  private overlayChange(id: string, after: RouteConfig | undefined): IStoreChange {
    const { routes } = this.state;
    const entry = after === undefined ? routes.planRemove(id) : routes.planSet(id, after);
    return overlayChange('routes', id, entry);
  }

  /** Two routes that take the same requests: the second would never get any. */
  private refuseTwin(config: RouteConfig): void {
    const { index, routes } = this.state;
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
}
