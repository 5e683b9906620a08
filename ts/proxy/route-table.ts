import { HostRoutes } from './host-routes.ts';
import { type IRouteMatch, isUnconditional, RouteRule, type THeaderOf } from './route-match.ts';
import { SegmentIndex, SegmentMarks } from './segment-index.ts';

export type { IRouteMatch, THeaderOf } from './route-match.ts';

/** A host's routes: most have one without conditions, which then needs nothing around it. */
type THostEntry<T extends IRouteMatch> = T | RouteRule<T> | HostRoutes<T>;

const EVERY_HOST = '*';
const WILDCARD = '*.';

/**
 * Finds the route of a request: the most specific host first (exact, then wildcards from the
 * longest, then `*`), and in it the path, methods, headers and priority. A host without a route
 * that fits leaves the request to the next less specific one.
 *
 * The cost of a match does not depend on the number of routes, and a match allocates nothing.
 * Adding and removing touch only the routes of the same host.
 */
export class RouteTable<T extends IRouteMatch> {
  /** Number of entries. */
  public size = 0;
  /** Rises with every change: what was matched at another version may be outdated. */
  public version = 0;
  private readonly hosts = new Map<string, THostEntry<T>>();
  private readonly wildcards = new SegmentIndex<THostEntry<T>>('.', true);
  private everyHost: THostEntry<T> | undefined;
  private readonly hostMarks = new SegmentMarks();
  private readonly pathMarks = new SegmentMarks();

  /**
   * Adds an entry; one that is in the table already must not be added again.
   *
   * @throws SyntaxError for a header pattern that is no regular expression; nothing has changed.
   */
  add(entry: T): void {
    const { vHost } = entry;
    const found = this.at(vHost);
    if (found === undefined) {
      this.place(vHost, isUnconditional(entry) ? entry : new RouteRule(entry));
    } else {
      const rule = new RouteRule(entry);
      if (found instanceof HostRoutes) found.add(rule);
      else this.place(vHost, severalOf(found, rule));
    }
    this.size++;
    this.version++;
  }

  /** Takes an entry out, by identity; false: it was not in. */
  remove(entry: T): boolean {
    const { vHost } = entry;
    const found = this.at(vHost);
    if (found instanceof HostRoutes) {
      if (!found.remove(new RouteRule(entry))) return false;
      if (found.size === 0) this.place(vHost, undefined);
    } else {
      const only = found instanceof RouteRule ? found.entry : found;
      if (only !== entry) return false;
      this.place(vHost, undefined);
    }
    this.size--;
    this.version++;
    return true;
  }

  /**
   * The entry that takes the request; undefined: none does.
   *
   * @param host lower case, without port and trailing dot.
   * @param path as sent, without the query; `*` (of OPTIONS) only fits entries without paths.
   * @param headerOf is only asked for headers that conditions name.
   */
  match(host: string, method: string, path: string, headerOf: THeaderOf): T | undefined {
    const own = this.hosts.get(host);
    if (own !== undefined) {
      const entry = this.matchIn(own, method, path, headerOf);
      if (entry !== undefined) return entry;
    }
    if (!this.wildcards.isEmpty) {
      for (let mark = this.wildcards.scan(host, this.hostMarks) - 1; mark >= 0; mark--) {
        const wildcard = this.wildcards.at(host, this.hostMarks, mark);
        if (wildcard === undefined) continue;
        const entry = this.matchIn(wildcard, method, path, headerOf);
        if (entry !== undefined) return entry;
      }
    }
    if (this.everyHost === undefined) return undefined;
    return this.matchIn(this.everyHost, method, path, headerOf);
  }

  private matchIn(
    found: THostEntry<T>,
    method: string,
    path: string,
    headerOf: THeaderOf,
  ): T | undefined {
    if (found instanceof HostRoutes) return found.match(method, path, headerOf, this.pathMarks);
    if (!(found instanceof RouteRule)) return found;
    const isFitting = found.fitsPath(path) && found.fitsRequest(method, headerOf);
    return isFitting ? found.entry : undefined;
  }

  private at(vHost: string): THostEntry<T> | undefined {
    if (vHost === EVERY_HOST) return this.everyHost;
    if (vHost.startsWith(WILDCARD)) return this.wildcards.get(vHost.slice(WILDCARD.length));
    return this.hosts.get(vHost);
  }

  private place(vHost: string, entry: THostEntry<T> | undefined): void {
    if (vHost === EVERY_HOST) {
      this.everyHost = entry;
    } else if (vHost.startsWith(WILDCARD)) {
      const suffix = vHost.slice(WILDCARD.length);
      if (entry === undefined) this.wildcards.delete(suffix);
      else this.wildcards.set(suffix, entry);
    } else if (entry === undefined) {
      this.hosts.delete(vHost);
    } else {
      this.hosts.set(vHost, entry);
    }
  }
}

function severalOf<T extends IRouteMatch>(
  found: T | RouteRule<T>,
  rule: RouteRule<T>,
): HostRoutes<T> {
  const several = new HostRoutes<T>();
  several.add(found instanceof RouteRule ? found : new RouteRule(found));
  several.add(rule);
  return several;
}
