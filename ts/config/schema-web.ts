import { z } from 'zod';
import type { IEntrypointOptions, IWebOptions } from '../../ts_interfaces/data/web.ts';
import { accessRulesSchema, proxyProtocolSchema } from './schema-access.ts';
import { forwardAuthSchema } from './schema-auth.ts';
import { httpLimitsSchema, httpTimeoutsSchema } from './schema-http.ts';
import { bandwidthSchema, connectionRateSchema } from './schema-limit.ts';
import type { TFits } from './schema-object.ts';
import { routeSchema } from './schema-route.ts';
import {
  address,
  cidr,
  domain,
  filePath,
  itemName,
  listenPort,
  pattern,
  whole,
} from './schema-scalar.ts';

/** `IEntrypointTls`: TLS of an entrypoint. */
export const entrypointTlsSchema = z.strictObject({
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
  defaultCertificate: domain.optional(),
});

/** `IEntrypointOptions`: a port on which the web plane listens. */
export const entrypointSchema = z.strictObject({
  address: address.optional(),
  port: listenPort,
  tls: z.union([z.boolean(), entrypointTlsSchema]).optional(),
  limits: httpLimitsSchema.optional(),
  timeouts: httpTimeoutsSchema.optional(),
  connectionsMax: whole(0, 10_000_000).optional(),
  connectionsPerClientMax: whole(0, 10_000_000).optional(),
  connectionRate: connectionRateSchema.optional(),
  bandwidth: bandwidthSchema.optional(),
  access: accessRulesSchema.optional(),
  proxyProtocol: proxyProtocolSchema.optional(),
});

/** `IAccessLogOptions`: one JSON line a request. */
export const accessLogSchema = z.strictObject({
  enabled: z.boolean().optional(),
  path: filePath.optional(),
  sample: z.number().min(0).max(1).optional(),
  bufferBytesMax: whole(4_096, 1_073_741_824).optional(),
});

const serverName = pattern(
  /^[A-Za-z0-9._~-]{1,128}$/,
  'Must be a name of letters, digits and ".", "_", "~", "-"',
);

/** The name of an entrypoint or a listener. */
export const entrypointName = pattern(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  'Must have a name of letters, digits, "-" and "_"',
);

/** The web plane with the given schema of its routes, so that routes can be checked one by one. */
export function webSchemaOf<TRoute extends z.ZodType>(route: TRoute) {
  return z.strictObject({
    entrypoints: z.record(entrypointName, entrypointSchema).optional(),
    trustedProxies: z.array(cidr).optional(),
    limits: httpLimitsSchema.optional(),
    timeouts: httpTimeoutsSchema.optional(),
    authProviders: z.record(itemName, forwardAuthSchema).optional(),
    accessLog: accessLogSchema.optional(),
    serverName: serverName.optional(),
    routes: z.array(route).optional(),
  });
}

/** `IWebOptions`: the web plane. */
export const webSchema = webSchemaOf(routeSchema);

/** The schema says what `IWebOptions` says: this type compiles only while it does. */
export type TWebSchemaCheck = [
  TFits<z.output<typeof webSchema>, IWebOptions>,
  TFits<IWebOptions, z.input<typeof webSchema>>,
  TFits<keyof IWebOptions, keyof z.output<typeof webSchema>>,
  TFits<keyof IEntrypointOptions, keyof z.output<typeof entrypointSchema>>,
];
