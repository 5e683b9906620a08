import type { IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { DcError } from '../core/errors.ts';
import { type IParseSettings, parseOptions } from './parse-options.ts';

/**
 * Checks options that may have functions: `parseOptions` for everything else.
 *
 * @param settings what the options may name that comes from elsewhere.
 * @returns the options as `parseOptions` makes them, with their hooks.
 * @throws DcError `CONFIG_INVALID` with every problem.
 */
export function parseWithHooks(
  options: IDcRouterOptions,
  settings: Omit<IParseSettings, 'authProviders' | 'mode' | 'source'>,
): IDcRouterOptions {
  const { hooks, ...data } = options;
  const authProviders = Object.keys(hooks?.authProviders ?? {});
  checkHooks(options);
  return { ...parseOptions(data, { authProviders, ...settings }).options, hooks };
}

/** @throws DcError `CONFIG_INVALID` for functions that worker processes cannot call. */
function checkHooks({ hooks, workers = 0 }: IDcRouterOptions): void {
  if (workers === 0) return;
  const known = ['onRequest', 'onResponse'] as const;
  const names = known.filter((name) => hooks?.[name] !== undefined);
  if (names.length === 0) return;
  const message =
    'Must be absent with worker processes: they cannot wait for a function of this one';
  const problems = names.map((name) => ({ path: `hooks.${name}`, message }));
  throw new DcError('CONFIG_INVALID', 'Cannot call hooks from worker processes', { problems });
}
