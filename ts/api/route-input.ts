import type { RouteConfig } from '../../ts_interfaces/index.ts';
import { parseRoute } from '../config/parse.ts';
import { DcError } from '../core/errors.ts';
import { unmask } from './mask.ts';
import { isObject } from './merge-patch.ts';
import { withoutLiveState } from './route-view.ts';

/**
 * Makes a route of what a client sent: live state is left out, and masks become the current secrets
 * again.
 *
 * @param current the route that it replaces.
 * @throws DcError `ROUTE_INVALID` with every problem.
 */
export function parseInput(input: unknown, current: RouteConfig | undefined): RouteConfig {
  if (!isObject(input)) throw notAnObject();
  const { value, problems } = unmask(withoutLiveState(input), current);
  if (problems.length === 0) return parseRoute(value);
  const message = 'Cannot use this route: it has masked secrets';
  throw new DcError('ROUTE_INVALID', message, { problems });
}

/** An input with an id, when it has none of its own. */
export function withId(input: unknown, id: string): unknown {
  return isObject(input) && input.id === undefined ? { ...input, id } : input;
}

/** @throws DcError `ROUTE_INVALID` when a change would rename a route. */
export function checkSameId(config: RouteConfig, id: string): void {
  if (config.id === id) return;
  throw wrongId(config.id, 'Must stay as it is: add another route and remove this one', id);
}

/** The refusal of an id. */
export function wrongId(value: string, message: string, suggestion: string): DcError {
  return new DcError('ROUTE_INVALID', `Cannot use this route: id: ${message}`, {
    problems: [{ path: 'id', message, value, suggestion }],
  });
}

/** The refusal of what is no JSON object. */
export function notAnObject(): DcError {
  const message = 'Must be an object';
  return new DcError('ROUTE_INVALID', `Cannot use this route: ${message}`, {
    problems: [{ path: '', message }],
  });
}
