import type { IHeaderMatch, IPathMatch } from '../../ts_interfaces/index.ts';

/** Which requests an entry of the route table takes, in the words of a `RouteConfig`. */
export interface IRouteMatch {
  readonly id: string;
  /** Lower case, without trailing dot: `api.example.com`, `*.example.com` or `*`. */
  readonly vHost: string;
  readonly paths?: readonly (string | IPathMatch)[] | null | undefined;
  readonly methods?: readonly string[] | null | undefined;
  readonly matchHeaders?: readonly IHeaderMatch[] | null | undefined;
  readonly priority: number;
}

/**
 * Value of a request's header by its name in lower case, repeated ones joined by `, `; undefined:
 * absent.
 */
export type THeaderOf = (name: string) => string | undefined;

/** A header condition, compiled. */
interface ICompiledHeader {
  readonly name: string;
  readonly value: string | undefined;
  readonly pattern: RegExp | undefined;
}

const SLASH = 0x2f;

/** Whether the entry takes every request of its host. */
export function isUnconditional(entry: IRouteMatch): boolean {
  return !entry.paths?.length && !entry.methods?.length && !entry.matchHeaders?.length;
}

/** An entry with its conditions compiled; what is absent is null. */
export class RouteRule<T extends IRouteMatch> {
  public readonly entry: T;
  /** Prefixes are without their last slash, so `/` is the empty one. Each path is there once. */
  public readonly paths: readonly IPathMatch[] | null;
  public readonly priority: number;
  private readonly methods: readonly string[] | null;
  private readonly headers: readonly ICompiledHeader[] | null;

  /** @throws SyntaxError for a pattern that is no regular expression. */
  constructor(entry: T) {
    this.entry = entry;
    this.paths = entry.paths?.length ? compilePaths(entry.paths) : null;
    this.priority = entry.priority;
    this.methods = entry.methods?.length ? entry.methods : null;
    this.headers = entry.matchHeaders?.length ? entry.matchHeaders.map(compileHeader) : null;
  }

  /** Whether the path fulfils one of the conditions; it is as sent, without its query. */
  fitsPath(path: string): boolean {
    const { paths } = this;
    if (paths === null) return true;
    for (let index = 0; index < paths.length; index++) {
      const { type, path: wanted } = paths[index] as IPathMatch;
      if (type === 'exact' ? path === wanted : isPrefix(wanted, path)) return true;
    }
    return false;
  }

  /** Whether the request fulfils the conditions apart from host and path. */
  fitsRequest(method: string, headerOf: THeaderOf): boolean {
    const { methods, headers } = this;
    if (methods !== null && !methods.includes(method)) return false;
    if (headers === null) return true;
    for (let index = 0; index < headers.length; index++) {
      const { name, value, pattern } = headers[index] as ICompiledHeader;
      const actual = headerOf(name);
      if (actual === undefined) return false;
      if (value !== undefined && actual !== value) return false;
      if (pattern !== undefined && !pattern.test(actual)) return false;
    }
    return true;
  }

  /** Order of rules with the same path: priority, then more conditions, then the id. */
  compare(other: RouteRule<T>): number {
    if (this.priority !== other.priority) return other.priority - this.priority;
    const conditions = other.conditions - this.conditions;
    if (conditions !== 0) return conditions;
    return this.entry.id < other.entry.id ? -1 : this.entry.id > other.entry.id ? 1 : 0;
  }

  private get conditions(): number {
    return (this.methods === null ? 0 : 1) + (this.headers?.length ?? 0);
  }
}

function compilePaths(paths: readonly (string | IPathMatch)[]): IPathMatch[] {
  const compiled: IPathMatch[] = [];
  for (const given of paths) {
    const item: IPathMatch =
      typeof given === 'string' ? { type: 'prefix', path: given } : { ...given };
    if (item.type === 'prefix' && item.path.endsWith('/')) item.path = item.path.slice(0, -1);
    const isKnown = compiled.some((other) => other.type === item.type && other.path === item.path);
    if (!isKnown) compiled.push(item);
  }
  return compiled;
}

function compileHeader({ name, value, pattern }: IHeaderMatch): ICompiledHeader {
  const compiled = pattern === undefined ? undefined : new RegExp(pattern);
  return { name: name.toLowerCase(), value, pattern: compiled };
}

/** Whole segments only: `/api` is a prefix of `/api` and `/api/x`, not of `/apix`. */
function isPrefix(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || path.charCodeAt(prefix.length) === SLASH;
}
