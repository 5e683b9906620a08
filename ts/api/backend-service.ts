import type { Backend, TBackendInput } from '../../ts_interfaces/index.ts';
import { parseBackend } from '../config/parse.ts';
import { DcError } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import { checkPrecondition, entityTag, type IPrecondition } from './entity-tag.ts';
import { maintenanceChange } from './maintenance.ts';
import { unmask } from './mask.ts';
import { isObject, mergePatch } from './merge-patch.ts';
import type { RouteService } from './route-service.ts';
import { backendWithoutLiveState, type IBackendView, type ITagged } from './route-view.ts';
import type { ControlState } from './state.ts';

/**
 * The backends of the routes. Changes are changes of their route, as durable and as live;
 * `selector` is what selects the route.
 */
export class BackendService {
  private readonly state: ControlState;
  private readonly routes: RouteService;

  constructor(state: ControlState, routes: RouteService) {
    this.state = state;
    this.routes = routes;
  }

  /** @throws DcError `ROUTE_UNKNOWN`; ApiError `ROUTE_AMBIGUOUS` */
  list(selector: string): IBackendView[] {
    return this.routes.get(selector).item.backends;
  }

  /** @throws DcError `ROUTE_UNKNOWN`, `BACKEND_UNKNOWN`; ApiError `ROUTE_AMBIGUOUS` */
  get(selector: string, id: string): ITagged<IBackendView> {
    return this.tagged(this.routes.resolve(selector), id);
  }

  /**
   * Adds a backend; without an id it becomes the first free of `backend-1`, `backend-2`, ….
   * @throws DcError `ROUTE_UNKNOWN`, `ROUTE_INVALID`, `BACKEND_EXISTS`, `STORE_FAILED`; ApiError
   *   `ROUTE_AMBIGUOUS`
   */
  async add(selector: string, input: TBackendInput | unknown): Promise<ITagged<IBackendView>> {
    let id = '';
    const route = await this.routes.edit(selector, undefined, (current) => {
      const parsed = this.parse(input, undefined);
      if (current.backends.some((backend) => backend.id === parsed.id)) {
        throw new DcError('BACKEND_EXISTS', `A backend has the id "${parsed.id}" already`);
      }
      id = parsed.id === '' ? freeId(current.backends) : parsed.id;
      return { ...current, backends: [...current.backends, { ...parsed, id }] };
    });
    return this.tagged(route.item.id, id);
  }

  /**
   * Changes members of a backend by a JSON merge patch (RFC 7396). Its id stays.
   * @throws as `add`, and DcError `BACKEND_UNKNOWN`, `PRECONDITION_FAILED`
   */
  async patch(
    selector: string,
    id: string,
    patch: unknown,
    precondition?: IPrecondition,
  ): Promise<ITagged<IBackendView>> {
    const route = await this.routes.edit(selector, undefined, (current) => {
      const before = backendOf(current.backends, id);
      checkPrecondition(precondition, this.tagged(current.id, id).tag);
      if (!isObject(patch)) throw refused('', 'Must be an object');
      const after = this.parse(mergePatch(before, patch), before);
      if (after.id !== id) {
        throw refused('id', 'Must stay as it is: add another backend and remove this one');
      }
      return { ...current, backends: current.backends.map((one) => (one.id === id ? after : one)) };
    });
    return this.tagged(route.item.id, id);
  }

  /**
   * Removes a backend, and the mark on it if it was taken out by hand.
   * @throws DcError `ROUTE_UNKNOWN`, `BACKEND_UNKNOWN`, `PRECONDITION_FAILED`, `STORE_FAILED`;
   *   ApiError `LAST_BACKEND` (409): a route needs one unless it redirects; `ROUTE_AMBIGUOUS`
   */
  async remove(selector: string, id: string, precondition?: IPrecondition): Promise<void> {
    await this.routes.edit(selector, undefined, (current) => {
      backendOf(current.backends, id);
      checkPrecondition(precondition, this.tagged(current.id, id).tag);
      const backends = current.backends.filter((backend) => backend.id !== id);
      if (backends.length === 0 && current.redirect === undefined) {
        throw new ApiError(
          'LAST_BACKEND',
          'This is the last backend of the route: add another one first, or remove the route',
        );
      }
      return { ...current, backends };
    });
  }

  /**
   * Takes a backend out of rotation by hand (it is dead until `markAlive`), or brings one back,
   * whether it failed or was taken out. The mark is stored and outlives restarts.
   * @throws DcError `ROUTE_UNKNOWN`, `BACKEND_UNKNOWN`, `STORE_FAILED`; ApiError `ROUTE_AMBIGUOUS`
   */
  async mark(
    selector: string,
    id: string,
    state: 'dead' | 'alive',
  ): Promise<ITagged<IBackendView>> {
    const key = await this.state.serial.run(async () => {
      const { marks, store } = this.state;
      const routeId = this.routes.resolve(selector);
      this.tagged(routeId, id);
      const dead = state === 'dead';
      if (marks.has(routeId, id) !== dead) {
        await store.write([maintenanceChange(routeId, id, dead)]);
      }
      if (dead) marks.set(routeId, id);
      else marks.delete(routeId, id);
      marks.tell(routeId, id, dead);
      return routeId;
    });
    await this.state.live();
    return this.tagged(key, id);
  }

  private tagged(routeId: string, id: string): ITagged<IBackendView> {
    const item = backendOf(this.routes.get(routeId).item.backends, id);
    const { isDead, deadSince, failureCount, maintenance, ...config } = item;
    return {
      item,
      tag: entityTag(config, `${isDead} ${deadSince} ${failureCount} ${maintenance}`),
    };
  }

  private parse(input: unknown, before: Backend | undefined): Backend {
    if (!isObject(input)) throw refused('', 'Must be an object');
    const { value, problems } = unmask(backendWithoutLiveState(input), before);
    if (problems.length === 0) return parseBackend(value);
    const message = 'Cannot use this backend: it has masked secrets';
    throw new DcError('ROUTE_INVALID', message, { problems });
  }
}

function backendOf<T extends { id: string }>(backends: readonly T[], id: string): T {
  const found = backends.find((backend) => backend.id === id);
  if (found !== undefined) return found;
  throw new DcError('BACKEND_UNKNOWN', `The route has no backend with the id "${id}"`);
}

function freeId(backends: readonly Backend[]): string {
  const taken = new Set(backends.map(({ id }) => id));
  let number = 1;
  while (taken.has(`backend-${number}`)) number++;
  return `backend-${number}`;
}

function refused(path: string, message: string): DcError {
  return new DcError('ROUTE_INVALID', `Cannot use this backend: ${message}`, {
    problems: [{ path, message }],
  });
}
