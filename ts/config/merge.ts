import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';

/**
 * Lays options over others: what the upper ones have wins, one level deep in each part.
 *
 * Used for the daemon's defaults below a file and the command line's words above it.
 */
export function mergeOptions(lower: IDcRouterOptions, upper: IDcRouterOptions): IDcRouterOptions {
  const web = mergePart(lower.web, upper.web);
  const accessLog = mergePart(lower.web?.accessLog, upper.web?.accessLog);
  return {
    ...lower,
    ...upper,
    ...present({ log: mergePart(lower.log, upper.log) }),
    ...present({ api: mergePart(lower.api, upper.api) }),
    ...present({ web: web && { ...web, ...present({ accessLog }) } }),
  };
}

function mergePart<T extends object>(lower: T | undefined, upper: T | undefined): T | undefined {
  return lower === undefined || upper === undefined ? (upper ?? lower) : { ...lower, ...upper };
}

/** What nobody gave stays absent. */
function present<T extends object>(part: T): Partial<T> {
  return Object.values(part)[0] === undefined ? {} : part;
}
