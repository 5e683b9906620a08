import type { RouteConfig } from '../../ts_interfaces/index.ts';
import { routeDefaults } from '../config/defaults.ts';
import type { Route } from './route.ts';
import type { RouteTable } from './route-table.ts';

/** Which requests a route takes; that is all that is known of one that cannot be used. */
export type TRouteConditions = Pick<RouteConfig, 'id' | 'vHost'> &
  Partial<Pick<RouteConfig, 'paths' | 'methods' | 'matchHeaders' | 'priority'>>;

/**
 * Stand in for routes that cannot be used: they have no backends, so their requests get 503, and
 * not what a less specific route would do with them, which may lack their access control.
 */
export class StandIns {
  private readonly table: RouteTable<Route>;
  private readonly prepare: (config: RouteConfig) => Route;
  private readonly byId = new Map<string, Route>();

  constructor(table: RouteTable<Route>, prepare: (config: RouteConfig) => Route) {
    this.table = table;
    this.prepare = prepare;
  }

  /** Takes the place of all stand-ins that were there before. */
  set(routes: Iterable<TRouteConditions>): void {
    for (const id of [...this.byId.keys()]) this.remove(id);
    for (const { id, vHost, paths, methods, matchHeaders, priority } of routes) {
      if (this.byId.has(id)) continue;
      const conditions = { id, vHost, paths, methods, matchHeaders, priority };
      const route = this.prepare({ ...routeDefaults, ...conditions, backends: [] });
      this.byId.set(id, route);
      this.table.add(route);
    }
  }

  /** Gives way to a route that can be used: one with the same id, or for the same requests. */
  giveWayTo(route: Route): void {
    if (this.byId.size === 0) return;
    const conditions = conditionsOf(route);
    for (const [id, standIn] of [...this.byId]) {
      if (id === route.id || conditionsOf(standIn) === conditions) this.remove(id);
    }
  }

  /** The routes that they stand in for. */
  conditions(): TRouteConditions[] {
    return [...this.byId.values()].map(({ config }) => {
      const { id, vHost, paths, methods, matchHeaders, priority } = config;
      return { id, vHost, paths, methods, matchHeaders, priority };
    });
  }

  private remove(id: string): void {
    const route = this.byId.get(id);
    if (route === undefined) return;
    this.byId.delete(id);
    this.table.remove(route);
  }
}

/** What decides whether a route matches, in one spelling. */
function conditionsOf({
  vHost,
  paths = [],
  methods = [],
  matchHeaders = [],
  priority,
}: Route): string {
  const pathTexts = paths.map((path) =>
    typeof path === 'string' ? `prefix ${path}` : `${path.type} ${path.path}`,
  );
  const headerTexts = matchHeaders.map(({ name, value, pattern }) =>
    JSON.stringify([name.toLowerCase(), value, pattern]),
  );
  const lists = [pathTexts, [...methods], headerTexts].map((texts) => texts.sort());
  return JSON.stringify([vHost, lists, priority]);
}
