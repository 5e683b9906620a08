import type { IRouteMatch, RouteRule, THeaderOf } from './route-match.ts';
import { SegmentIndex, type SegmentMarks } from './segment-index.ts';

/** Rules with the same host and path: one, or several in the order of `RouteRule.compare()`. */
type TBucket<T extends IRouteMatch> = RouteRule<T> | RouteRule<T>[];

/**
 * The routes of a host that has several. By path: exact ones, then prefixes from the longest, then
 * those for every path. Among those that fit, the highest priority wins; with equal ones, the
 * first.
 */
export class HostRoutes<T extends IRouteMatch> {
  public size = 0;
  private exact: Map<string, TBucket<T>> | null = null;
  private prefixes: SegmentIndex<TBucket<T>> | null = null;
  private everyPath: TBucket<T> | undefined = undefined;
  /** Rules with a priority other than 0: while there are none, the first that fits has won. */
  private prioritised = 0;

  add(rule: RouteRule<T>): void {
    this.size++;
    if (rule.priority !== 0) this.prioritised++;
    if (rule.paths === null) {
      this.everyPath = withRule(this.everyPath, rule);
      return;
    }
    for (const { type, path } of rule.paths) {
      if (type === 'exact') {
        this.exact ??= new Map();
        this.exact.set(path, withRule(this.exact.get(path), rule));
      } else {
        this.prefixes ??= new SegmentIndex('/', false);
        this.prefixes.set(path, withRule(this.prefixes.get(path), rule));
      }
    }
  }

  /** Takes the entry of an equal rule out; false: it was not in. */
  remove({ entry, paths, priority }: RouteRule<T>): boolean {
    let isFound = false;
    if (paths === null) {
      isFound = holds(this.everyPath, entry);
      if (isFound) this.everyPath = withoutEntry(this.everyPath, entry);
    }
    for (const { type, path } of paths ?? []) {
      const byPath = type === 'exact' ? this.exact : this.prefixes;
      const bucket = byPath?.get(path);
      if (!holds(bucket, entry)) continue;
      isFound = true;
      const left = withoutEntry(bucket, entry);
      if (left === undefined) byPath?.delete(path);
      else byPath?.set(path, left);
    }
    if (!isFound) return false;
    this.size--;
    if (priority !== 0) this.prioritised--;
    return true;
  }

  match(method: string, path: string, headerOf: THeaderOf, marks: SegmentMarks): T | undefined {
    let best: RouteRule<T> | undefined;
    if (this.exact !== null) {
      best = firstFitting(this.exact.get(path), method, headerOf);
      if (best !== undefined && this.prioritised === 0) return best.entry;
    }
    if (this.prefixes !== null) {
      for (let mark = this.prefixes.scan(path, marks) - 1; mark >= 0; mark--) {
        const bucket = this.prefixes.at(path, marks, mark);
        if (bucket === undefined) continue;
        best = better(best, firstFitting(bucket, method, headerOf));
        if (best !== undefined && this.prioritised === 0) return best.entry;
      }
    }
    return better(best, firstFitting(this.everyPath, method, headerOf))?.entry;
  }
}

/**
 * The other rule if it has a higher priority; else what was found before at a more specific path.
 */
function better<T extends IRouteMatch>(
  best: RouteRule<T> | undefined,
  other: RouteRule<T> | undefined,
): RouteRule<T> | undefined {
  if (best === undefined) return other;
  return other !== undefined && other.priority > best.priority ? other : best;
}

function firstFitting<T extends IRouteMatch>(
  bucket: TBucket<T> | undefined,
  method: string,
  headerOf: THeaderOf,
): RouteRule<T> | undefined {
  if (bucket === undefined) return undefined;
  if (!Array.isArray(bucket)) return bucket.fitsRequest(method, headerOf) ? bucket : undefined;
  for (let index = 0; index < bucket.length; index++) {
    const rule = bucket[index] as RouteRule<T>;
    if (rule.fitsRequest(method, headerOf)) return rule;
  }
  return undefined;
}

function withRule<T extends IRouteMatch>(
  bucket: TBucket<T> | undefined,
  rule: RouteRule<T>,
): TBucket<T> {
  if (bucket === undefined) return rule;
  const rules = Array.isArray(bucket) ? bucket : [bucket];
  rules.splice(placeOf(rules, rule), 0, rule);
  return rules;
}

function withoutEntry<T extends IRouteMatch>(
  bucket: TBucket<T> | undefined,
  entry: T,
): TBucket<T> | undefined {
  if (!Array.isArray(bucket)) return undefined;
  bucket.splice(
    bucket.findIndex((rule) => rule.entry === entry),
    1,
  );
  return bucket.length === 1 ? bucket[0] : bucket;
}

function holds<T extends IRouteMatch>(bucket: TBucket<T> | undefined, entry: T): boolean {
  if (Array.isArray(bucket)) return bucket.some((rule) => rule.entry === entry);
  return bucket?.entry === entry;
}

/** Index of the first rule that comes after it, by binary search. */
function placeOf<T extends IRouteMatch>(
  rules: readonly RouteRule<T>[],
  rule: RouteRule<T>,
): number {
  let low = 0;
  let high = rules.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rules[middle] as RouteRule<T>).compare(rule) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
