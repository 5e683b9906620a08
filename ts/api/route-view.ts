import type { Backend, RouteConfig, TOrigin } from '../../ts_interfaces/index.ts';
import { entityTag, stateOf } from './entity-tag.ts';
import { mask } from './mask.ts';
import { isObject } from './merge-patch.ts';
import type { ILiveEndpoint, ILiveRoute } from './types.ts';

/** A backend as the API shows it: with its live state, without secrets. */
export interface IBackendView extends Backend {
  maintenance: boolean;
}

/** A route as the API shows it: with the live state of its backends, without secrets. */
export interface IRouteView extends RouteConfig {
  backends: IBackendView[];
  origin: TOrigin;
}

/** Something with its entity tag. */
export interface ITagged<T> {
  item: T;
  /** For the `ETag` header. */
  tag: string;
}

/** What a client reads and must not write. */
const liveKeys = ['isDead', 'deadSince', 'failureCount', 'maintenance'] as const;

/**
 * A route as the API shows it. `live` is undefined for a route that is configured and not (yet) in
 * the table.
 */
export function viewOf(
  config: RouteConfig,
  origin: TOrigin,
  live: ILiveRoute | undefined,
): IRouteView {
  const masked = mask(config);
  const backends = masked.backends.map((backend) => backendViewOf(backend, live?.endpoints));
  return { ...masked, backends, origin };
}

/** The entity tag of what `viewOf` shows. */
export function tagOf(config: RouteConfig, origin: TOrigin, live: ILiveRoute | undefined): string {
  return entityTag(config, origin + stateOf(live?.endpoints ?? []));
}

/**
 * A backend as the API shows it, with the state of the endpoint that has its id. Secrets are masked
 * before.
 */
function backendViewOf(
  masked: Backend,
  endpoints: readonly ILiveEndpoint[] | undefined,
): IBackendView {
  const live = endpoints?.find((endpoint) => endpoint.id === masked.id);
  const { deadSince: _deadSince, ...config } = masked;
  return {
    ...config,
    isDead: live?.isDead ?? masked.isDead,
    ...(live?.deadSince ? { deadSince: Math.floor(live.deadSince) } : {}),
    failureCount: live?.failureCount ?? 0,
    maintenance: live?.maintenance ?? false,
  };
}

/** A copy of an input without what only a view has, so that what was read can be sent back. */
export function withoutLiveState(input: unknown): unknown {
  if (!isObject(input)) return input;
  const { origin: _origin, ...route } = input;
  if (Array.isArray(route.backends)) route.backends = route.backends.map(backendWithoutLiveState);
  return route;
}

/** The same for a backend. */
export function backendWithoutLiveState(input: unknown): unknown {
  if (!isObject(input)) return input;
  const backend = { ...input };
  for (const key of liveKeys) delete backend[key];
  return backend;
}
