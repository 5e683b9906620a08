import { z } from 'zod';
import type { RouteConfig, TRouteInput } from '../../ts_interfaces/data/route.ts';
import { routeDefaults } from './defaults.ts';
import { accessRulesSchema, listName } from './schema-access.ts';
import { authSchema } from './schema-auth.ts';
import { backendSchema, nameBackends, refuseTwinBackends } from './schema-backend.ts';
import {
  requestHeaderChangesSchema,
  requestHeaderRecord,
  responseHeaderChangesSchema,
  sharedHeaderNames,
} from './schema-headers.ts';
import { healthSchema, retrySchema, stickySchema } from './schema-health.ts';
import { httpLimitsSchema, httpTimeoutsSchema } from './schema-http.ts';
import { rateLimitSchema } from './schema-limit.ts';
import {
  filledArray,
  isObject,
  objectCheck,
  type TFits,
  type TLooseObject,
  type TRefuse,
} from './schema-object.ts';
import {
  headerValue,
  hostAndPort,
  itemName,
  method,
  milliseconds,
  pemCertificate,
  pemKey,
  regularExpression,
  text,
  token,
  urlPath,
  urlPrefix,
  vHost,
  whole,
} from './schema-scalar.ts';

/** Names of the balancing strategies. */
export const strategyNames = [
  'ROUND_ROBIN',
  'IP_HASH',
  'RANDOM',
  'LEAST_LATENCY',
  'LEAST_CONNECTIONS',
] as const;

/** `IPathMatch`: a path condition. */
export const pathMatchSchema = z.strictObject({ type: z.enum(['prefix', 'exact']), path: urlPath });

/** `IHeaderMatch`: a header condition. */
export const headerMatchSchema = z
  .strictObject({
    name: token,
    value: headerValue.optional(),
    pattern: regularExpression.optional(),
  })
  .check(
    objectCheck(({ value, pattern }, refuse) => {
      if (value === undefined || pattern === undefined) return;
      refuse(['pattern'], 'Must not stand beside "value": one of them decides');
    }),
  );

const redirectTarget = text((value) => {
  const unknown = /\{(?!(?:host|path|query)\})[^}]*\}?/.exec(value);
  if (unknown !== null) return { problem: 'Must use no variables but {host}, {path} and {query}' };
  if (!/^[!-~]{1,4096}$/.test(value)) return { problem: 'Must be printable ASCII without blanks' };
  if (/^https?:\/\/[^/?#]/.test(value)) return value;
  if (/^\/(?![/\\{])/.test(value)) return value;
  return {
    problem: 'Must begin with http://, https:// or one "/" that no variable follows',
    ...(value === '{path}' || value === '/{path}'
      ? { suggestion: 'https://{host}{path}{query}' }
      : {}),
  };
});

/** `IRedirect`: an answer without a backend. */
export const redirectSchema = z.strictObject({
  to: redirectTarget,
  status: z.literal([301, 302, 303, 307, 308]).optional(),
});

/** Certificate and key of a route. */
export const sslSchema = z.strictObject({ key: pemKey, cert: pemCertificate });

/** Name of the Host header that is sent to a backend. */
export const upstreamHostSchema = z.strictObject({ name: hostAndPort });

/** `RouteConfig` as accepted; the parsed route has its defaults and the ids of its backends. */
export const routeSchema = z
  .strictObject({
    id: itemName,
    vHost,
    strategy: z.enum(strategyNames).default(routeDefaults.strategy),
    autoHttps: z.boolean().default(routeDefaults.autoHttps),
    reqQueueLength: whole(0, 10_000_000).default(routeDefaults.reqQueueLength),
    reqActiveLength: whole(1, 10_000_000).default(routeDefaults.reqActiveLength),
    queueTimeoutMs: milliseconds.optional(),
    paths: filledArray(z.union([urlPath, pathMatchSchema]), 'path').optional(),
    methods: filledArray(method, 'method').optional(),
    matchHeaders: z.array(headerMatchSchema).optional(),
    priority: whole(-1_000_000, 1_000_000).optional(),
    access: accessRulesSchema.optional(),
    rateLimits: z.array(z.union([rateLimitSchema, listName])).optional(),
    authProvider: itemName.optional(),
    auth: authSchema.optional(),
    headers: requestHeaderRecord.optional(),
    requestHeaders: requestHeaderChangesSchema.optional(),
    responseHeaders: responseHeaderChangesSchema.optional(),
    upstreamHost: z.union([z.enum(['preserve', 'backend']), upstreamHostSchema]).optional(),
    stripPrefix: urlPrefix.optional(),
    addPrefix: urlPrefix.optional(),
    redirect: redirectSchema.optional(),
    forwarded: z.boolean().optional(),
    allowConnect: z.boolean().optional(),
    sticky: stickySchema.optional(),
    retry: retrySchema.optional(),
    health: healthSchema.optional(),
    limits: httpLimitsSchema.optional(),
    timeouts: httpTimeoutsSchema.optional(),
    keepAliveMax: whole(0, 65_535).optional(),
    backends: z.array(backendSchema).default([]),
    ssl: sslSchema.optional(),
  })
  .check(objectCheck(checkRoute), (payload) => nameBackends(payload.value.backends));

/**
 * The schema says what `RouteConfig` and `TRouteInput` say: this type compiles only while it does.
 */
export type TRouteSchemaCheck = [
  TFits<z.output<typeof routeSchema>, RouteConfig>,
  TFits<TRouteInput, z.input<typeof routeSchema>>,
  TFits<keyof RouteConfig, keyof z.output<typeof routeSchema>>,
];

function checkRoute(route: TLooseObject, refuse: TRefuse): void {
  const { backends, redirect } = route;
  if (Array.isArray(backends)) {
    if (backends.length === 0 && redirect === undefined) {
      refuse(['backends'], 'Must have at least one backend, or the route a "redirect"');
    }
    refuseTwinBackends(backends, refuse);
  }
  if (route.auth !== undefined && route.authProvider !== undefined) {
    refuse(['authProvider'], 'Must not stand beside "auth": one of them decides');
  }
  const { headers, requestHeaders } = route;
  if (isObject(headers) && isObject(requestHeaders) && isObject(requestHeaders.set)) {
    for (const name of sharedHeaderNames(headers, requestHeaders.set)) {
      refuse(['requestHeaders', 'set', name], 'Must not be set here and in "headers"');
    }
  }
}
