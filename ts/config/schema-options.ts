import { z } from 'zod';
import type { ICertificateOptions } from '../../ts_interfaces/data/certificate.ts';
import type { IApiOptions, IDcRouterOptions } from '../../ts_interfaces/data/options.ts';
import { accessSchema } from './schema-access.ts';
import { dnsSchema, dnsSchemaOf } from './schema-dns.ts';
import { limitsSchema } from './schema-limit.ts';
import type { TFits } from './schema-object.ts';
import {
  address,
  domain,
  filePath,
  listenPort,
  milliseconds,
  pemCertificate,
  pemKey,
  whole,
} from './schema-scalar.ts';
import { tcpEntrySchema } from './schema-tcp.ts';
import { webSchema, webSchemaOf } from './schema-web.ts';

/** Keys of the file that belong to planes of later versions. */
export const laterKeys: ReadonlySet<string> = new Set([
  'mail',
  'tunnels',
  'rules',
  'domains',
  'cluster',
]);

/** `ILogOptions`: the daemon's log. */
export const logSchema = z.strictObject({
  level: z.enum(['error', 'warn', 'info', 'debug']).optional(),
  format: z.enum(['auto', 'json', 'pretty']).optional(),
  path: filePath.optional(),
});

/** `IApiOptions`: the management port. */
export const apiSchema = z.strictObject({
  enabled: z.boolean().optional(),
  address: address.optional(),
  port: listenPort.optional(),
  hosts: z.array(domain).optional(),
});

/** `ICertificateOptions`: a certificate with its key. */
export const certificateSchema = z.strictObject({
  domain,
  key: pemKey,
  cert: pemCertificate,
});

/** Worker processes: as many as cores, or a number of them. */
const workers = z.union([z.enum(['auto']), whole(0, 256)]);

function optionsSchemaOf<
  TWeb extends z.ZodType,
  TTcp extends z.ZodType,
  TDns extends z.ZodType,
  TCertificate extends z.ZodType,
>(web: TWeb, tcp: TTcp, dns: TDns, certificate: TCertificate) {
  return z.strictObject({
    version: z.literal(1).optional(),
    dataDir: filePath.optional(),
    workers: workers.optional(),
    log: logSchema.optional(),
    api: apiSchema.optional(),
    web: web.optional(),
    tcp: tcp.optional(),
    dns: dns.optional(),
    access: accessSchema.optional(),
    limits: limitsSchema.optional(),
    certificates: z.array(certificate).optional(),
    drainTimeoutMs: milliseconds.optional(),
  });
}

/** `IDcRouterOptions` without `hooks`: all that `dcrouter.yaml` may say. */
export const optionsSchema = optionsSchemaOf(
  webSchema,
  z.union([tcpEntrySchema, z.array(tcpEntrySchema)]),
  dnsSchema,
  certificateSchema,
);

/** The same with all items of lists unread, which `parseOptions` checks one by one. */
export const optionsFrameSchema = optionsSchemaOf(
  webSchemaOf(z.unknown()),
  z.union([z.looseObject({}), z.array(z.unknown())]),
  dnsSchemaOf(z.unknown()),
  z.unknown(),
);

/** The schemas say what the public types say: this type compiles only while they do. */
export type TOptionsSchemaCheck = [
  TFits<z.output<typeof optionsSchema>, IDcRouterOptions>,
  TFits<Omit<IDcRouterOptions, 'hooks'>, z.input<typeof optionsSchema>>,
  TFits<keyof Omit<IDcRouterOptions, 'hooks'>, keyof z.output<typeof optionsSchema>>,
  TFits<z.output<typeof certificateSchema>, ICertificateOptions>,
  TFits<keyof IApiOptions, keyof z.output<typeof apiSchema>>,
];
