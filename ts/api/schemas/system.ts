import { z } from 'zod';
import { optionsSchema } from '../../config/schema-options.ts';
import { problemSchema } from './problem.ts';
import { answer, input, pageOf } from './registry.ts';
import { originSchema, routeViewSchema } from './route.ts';

/** One difference between two configurations. */
export const configChangeSchema = answer(
  'ConfigChange',
  z.strictObject({
    path: z.string(),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    effect: z
      .enum(['hot', 'restart-listener', 'restart'])
      .describe('At once, by opening a port anew, or only by a restart of the process'),
  }),
);

/** `GET /status`. */
export const statusSchema = answer(
  'Status',
  z.strictObject({
    version: z.string(),
    ready: z.boolean().describe('Requests are served'),
    startedAt: z.iso.datetime(),
    uptimeSeconds: z.number().min(0),
    entrypoints: z.record(
      z.string(),
      z.strictObject({ address: z.string(), port: z.int(), tls: z.boolean() }),
    ),
    routes: z.int().min(0),
    certificates: z.int().min(0),
    tcp: z.int().min(0).describe('Entries of the TCP and UDP plane'),
    access: z.int().min(0).describe('Address lists'),
    limits: z.int().min(0).describe('Named rate limits'),
    zones: z.int().min(0).describe('DNS zones'),
    dns: z
      .record(z.string(), z.strictObject({ address: z.string(), port: z.int(), tls: z.boolean() }))
      .describe('Where DNS is answered, by name of the listener'),
    workers: z
      .array(
        z.strictObject({
          worker: z.int().min(1),
          pid: z.int().nullable(),
          state: z.enum(['starting', 'serving', 'draining', 'waiting']),
          restarts: z.int().min(0).describe('After a crash'),
          startedAt: z.iso.datetime().nullable(),
          connections: z.int().min(0),
          rssBytes: z.int().min(0),
        }),
      )
      .describe('Worker processes; empty: everything runs in one process'),
    configFile: z.string().nullable(),
    configChanged: z
      .boolean()
      .nullable()
      .describe('Whether the file was written since it was loaded; null: no file, or unreadable'),
    problems: z.array(problemSchema).describe('Items that are left out, and why'),
  }),
);

/** What `POST /reload` may be told. */
export const reloadInputSchema = input(
  'ReloadInput',
  z.strictObject({
    binary: z.boolean().optional().describe('Hand the ports over to a new process'),
  }),
);

/** `POST /reload` with `binary`. */
export const binaryReloadSchema = answer(
  'BinaryReload',
  z.strictObject({ pid: z.int().min(1).describe('The new process') }),
);

/** `POST /reload`. */
export const reloadSchema = answer(
  'Reload',
  z.strictObject({ changes: z.array(configChangeSchema) }),
);

/** `GET /config` and `GET /config/export`: what a file may say. */
export const configSchema = input('Config', optionsSchema);

/** `GET /config/schema`. */
export const jsonSchemaSchema = answer('JsonSchema', z.looseObject({}));

/** `GET /config/diff`. */
export const configDiffSchema = answer(
  'ConfigDiff',
  z.strictObject({
    file: z
      .strictObject({
        path: z.string().nullable(),
        changes: z.array(configChangeSchema).describe('What a reload would change'),
        problems: z.array(problemSchema).describe('Why a reload would be refused'),
      })
      .describe('The file as it is now, against what was loaded from it'),
    overlay: pageOf(
      z.strictObject({
        kind: z.enum(['route', 'certificate', 'tcp', 'access', 'limit', 'zone']),
        key: z
          .string()
          .describe(
            'Id of the route, TCP entry or zone, domain of the certificate, name of the list or limit',
          ),
        change: z.enum(['added', 'changed', 'removed', 'disabled']),
        origin: originSchema,
        before: z.unknown().optional().describe('What the file says'),
        after: z.unknown().optional().describe('What the API made of it'),
        recordSets: z
          .int()
          .min(1)
          .optional()
          .describe('Record sets of a zone that were changed over its options'),
        imported: z
          .literal(true)
          .optional()
          .describe('A master file was put in place of what the options of a zone say'),
        problems: z.array(problemSchema).optional().describe('Why it is disabled'),
      }),
    ).describe('What the API changed'),
  }),
);

/** `GET /explain`. */
export const explanationSchema = answer(
  'Explanation',
  z.strictObject({
    method: z.string(),
    protocol: z.enum(['http', 'https']),
    host: z.string(),
    path: z.string().describe('Without the query'),
    route: routeViewSchema.nullable().describe('Which route would take it; null: 404'),
    verdict: z.string().describe('What would become of it, and why'),
    candidates: z
      .array(
        z.strictObject({
          routeId: z.string(),
          vHost: z.string(),
          fits: z.boolean(),
          reasons: z.array(z.string()).describe('Why it fits, or why it does not'),
        }),
      )
      .describe('Routes whose virtual host fits, the most specific host first; at most 100'),
    candidatesTotal: z.int().min(0),
  }),
);

/** `GET /openapi.json`. */
export const openApiSchema = answer('OpenApi', z.looseObject({ openapi: z.string() }));
