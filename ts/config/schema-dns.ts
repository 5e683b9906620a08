import { z } from 'zod';
import type {
  IDnsHttpsOptions,
  IDnsLimits,
  IDnsListenerOptions,
  IDnsOptions,
  IDnsRateLimit,
  IDnsResolverOptions,
  IDnsViewOptions,
  ITsigKeyOptions,
} from '../../ts_interfaces/data/dns.ts';
import { normalizeVHost } from './host-name.ts';
import {
  cookieSecret,
  dnsClient,
  keyName,
  nsid,
  peerAddress,
  recordLine,
  resolverServer,
  sharedSecret,
  ttl,
  viewName,
} from './schema-dns-scalar.ts';
import {
  filledArray,
  objectCheck,
  type TFits,
  type TLooseObject,
  type TRefuse,
} from './schema-object.ts';
import {
  address,
  filePath,
  intervalMs,
  listenPort,
  text,
  urlPath,
  whole,
} from './schema-scalar.ts';
import { entrypointName, entrypointTlsSchema } from './schema-web.ts';
import { zoneSchema } from './schema-zone.ts';

/** `IDnsListenerOptions`: a port on which DNS is answered. */
export const dnsListenerSchema = z.strictObject({
  address: address.optional(),
  port: listenPort,
  tls: z.union([z.boolean(), entrypointTlsSchema]).optional(),
});

const exactHost = text((value) => {
  const host = normalizeVHost(value);
  if (typeof host !== 'string' || !host.startsWith('*')) return host;
  return { problem: 'Must be a host without "*", or "hosts" be absent for every host' };
});

/** `IDnsHttpsOptions`: DNS over HTTPS on the web plane. */
export const dnsHttpsSchema = z.strictObject({
  path: urlPath.optional(),
  hosts: filledArray(exactHost, 'host').optional(),
  entrypoints: filledArray(entrypointName, 'entrypoint').optional(),
});

/** `IDnsLimits`: connections of clients. */
export const dnsLimitsSchema = z.strictObject({
  connectionsMax: whole(1, 1_000_000).optional(),
  connectionsPerClientMax: whole(1, 1_000_000).optional(),
  idleTimeoutMs: intervalMs.optional(),
});

/** `IDnsRateLimit`: how many answers a network gets by UDP. */
export const dnsRateLimitSchema = z.strictObject({
  responsesPerSecond: whole(1, 1_000_000),
  slip: whole(0, 100).optional(),
  prefix4: whole(1, 32).optional(),
  prefix6: whole(1, 128).optional(),
  exempt: z.array(dnsClient).optional(),
});

/** `ITsigKeyOptions`: a secret that is shared with another server. */
export const tsigKeySchema = z.strictObject({
  algorithm: z.enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512']).optional(),
  secret: sharedSecret,
});

/** `IDnsViewOptions`: clients that see zones of their own. */
export const dnsViewSchema = z.strictObject({
  name: viewName,
  clients: z.array(dnsClient).check((payload) => {
    if (payload.value.length > 0) return;
    const message = 'Must name at least one address: nobody would be in the view';
    payload.issues.push({ code: 'custom', input: payload.value, message, continue: true });
  }),
});

/** `IDnsResolverOptions`: where the resolver asks, and for whom. */
export const dnsResolverSchema = z
  .strictObject({
    mode: z.enum(['system', 'forward', 'recurse']).optional(),
    servers: filledArray(resolverServer, 'server').optional(),
    rootHints: z.union([filePath, filledArray(peerAddress, 'address')]).optional(),
    validate: z.boolean().optional(),
    trustAnchors: z.union([filePath, filledArray(recordLine, 'record')]).optional(),
    clients: z.array(dnsClient).optional(),
    cacheBytesMax: whole(65_536, 1_099_511_627_776).optional(),
    ttlMin: ttl.optional(),
    ttlMax: ttl.optional(),
    negativeTtlMax: ttl.optional(),
    staleTtlMax: ttl.optional(),
    prefetch: z.boolean().optional(),
  })
  .check(objectCheck(checkResolver));

/** The DNS plane with the given schema of its zones, so that zones can be checked one by one. */
export function dnsSchemaOf<TZone extends z.ZodType>(zone: TZone) {
  return z
    .strictObject({
      listeners: z.record(entrypointName, dnsListenerSchema).optional(),
      https: z.union([z.boolean(), dnsHttpsSchema]).optional(),
      udpSizeMax: whole(512, 4_096).optional(),
      nsid: nsid.optional(),
      minimalResponses: z.boolean().optional(),
      cookieSecret: cookieSecret.optional(),
      rateLimit: z.union([z.literal(false), dnsRateLimitSchema]).optional(),
      limits: dnsLimitsSchema.optional(),
      keys: z.record(keyName, tsigKeySchema).optional(),
      views: z.array(dnsViewSchema).optional(),
      zones: z.array(zone).optional(),
      resolver: dnsResolverSchema.optional(),
    })
    .check(objectCheck(checkViews));
}

/** `IDnsOptions`: the DNS plane. */
export const dnsSchema = dnsSchemaOf(zoneSchema);

/** The schemas say what the public types say: this type compiles only while they do. */
export type TDnsSchemaCheck = [
  TFits<z.output<typeof dnsSchema>, IDnsOptions>,
  TFits<IDnsOptions, z.input<typeof dnsSchema>>,
  TFits<keyof IDnsOptions, keyof z.output<typeof dnsSchema>>,
  TFits<keyof IDnsListenerOptions, keyof z.output<typeof dnsListenerSchema>>,
  TFits<keyof IDnsHttpsOptions, keyof z.output<typeof dnsHttpsSchema>>,
  TFits<keyof IDnsLimits, keyof z.output<typeof dnsLimitsSchema>>,
  TFits<keyof IDnsRateLimit, keyof z.output<typeof dnsRateLimitSchema>>,
  TFits<keyof ITsigKeyOptions, keyof z.output<typeof tsigKeySchema>>,
  TFits<keyof IDnsViewOptions, keyof z.output<typeof dnsViewSchema>>,
  TFits<keyof IDnsResolverOptions, keyof z.output<typeof dnsResolverSchema>>,
];

function checkResolver(resolver: TLooseObject, refuse: TRefuse): void {
  const { mode, servers, rootHints, validate, trustAnchors, ttlMin, ttlMax } = resolver;
  if (rootHints !== undefined && mode !== 'recurse') {
    refuse(['rootHints'], 'Must be absent without "mode: recurse": no root is asked');
  }
  const validates = validate === true || (mode === 'recurse' && validate !== false);
  if (trustAnchors !== undefined && !validates) {
    refuse(['trustAnchors'], 'Must be absent without "validate: true": nothing is validated');
  }
  if (mode === 'forward' && servers === undefined) {
    refuse(['servers'], 'Must be given with "mode: forward": the servers that are asked');
  }
  if ((mode === 'system' || mode === 'recurse') && servers !== undefined) {
    const others = mode === 'system' ? 'those of the machine are asked' : 'everybody is asked';
    refuse(['servers'], `Must be absent with "mode: ${mode}": ${others}`);
  }
  const highest = ttlMax ?? 86_400;
  if (typeof ttlMin === 'number' && typeof highest === 'number' && ttlMin > highest) {
    refuse(['ttlMin'], `Must be at most "ttlMax", which is ${highest}`);
  }
}

function checkViews({ views }: TLooseObject, refuse: TRefuse): void {
  if (!Array.isArray(views)) return;
  const seen = new Map<unknown, number>();
  views.forEach((view: unknown, index) => {
    const name: unknown = Object(view).name;
    if (typeof name !== 'string') return;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else refuse(['views', index, 'name'], `Must be unique: views[${first}] has this name`);
  });
}
