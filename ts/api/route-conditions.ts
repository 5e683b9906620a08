import type { IHeaderMatch, IPathMatch, RouteConfig } from '../../ts_interfaces/index.ts';

/**
 * Whether two routes of one virtual host would take exactly the same requests with the same
 * priority, so that one of them would never get any.
 */
export function sameConditions(a: RouteConfig, b: RouteConfig): boolean {
  return (
    a.vHost === b.vHost &&
    (a.priority ?? 0) === (b.priority ?? 0) &&
    // Among many routes of one host most differ here; only equal sizes are worth building texts.
    (a.paths?.length ?? 0) === (b.paths?.length ?? 0) &&
    sameSet(pathTexts(a), pathTexts(b)) &&
    sameSet(a.methods ?? [], b.methods ?? []) &&
    sameSet((a.matchHeaders ?? []).map(headerText), (b.matchHeaders ?? []).map(headerText))
  );
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((item) => b.includes(item)) && b.every((item) => a.includes(item));
}

function pathTexts(config: RouteConfig): string[] {
  return pathConditions(config).map(({ type, path }) => `${type} ${path}`);
}

function headerText({ name, value, pattern }: IHeaderMatch): string {
  return JSON.stringify([name.toLowerCase(), value ?? null, pattern ?? null]);
}

/**
 * The path conditions of a route in one form: a text is a prefix, and a prefix has no slash at its
 * end. Empty: any path.
 */
export function pathConditions({ paths = [] }: RouteConfig): IPathMatch[] {
  return paths.map((given) => {
    const { type, path } =
      typeof given === 'string' ? { type: 'prefix' as const, path: given } : given;
    return { type, path: type === 'prefix' ? path.replace(/\/$/, '') : path };
  });
}

/** Whether a path (as sent, without its query) fulfils a condition that `pathConditions` made. */
export function fitsPath({ type, path: wanted }: IPathMatch, path: string): boolean {
  return path === wanted || (type === 'prefix' && path.startsWith(`${wanted}/`));
}
