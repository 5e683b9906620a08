import { z } from 'zod';
import { recordData, recordType, ttl } from '../../config/schema-dns-scalar.ts';
import { answer, input, pageOf } from './registry.ts';

const count = z.int().min(0);
const amount = z.number().min(0);
const nameText = z.string().min(1).max(1_200);
const typeText = z.string().min(1).max(32);

const flag = z.enum(['true', 'false']).optional();

/** The parameters of a question to our own servers or the resolver, in a query or a body. */
const question = {
  name: nameText.describe('Absolute, with or without the trailing dot; IDN is taken'),
  type: typeText.optional().describe('`A` when absent'),
  server: z
    .enum(['auto', 'authoritative', 'resolver'])
    .optional()
    .describe(
      '`auto`, when absent: our zones, then the resolver; `authoritative`: as a stranger; ' +
        '`resolver`: our zones are passed over',
    ),
  view: z.string().max(64).optional().describe('Name of a view; empty: of no view'),
  client: z.string().min(1).max(100).optional().describe('Asked as this address would'),
};

/** `GET /dns/query`. */
export const dnsQueryParameters = z.strictObject({
  ...question,
  dnssec: flag.describe('Shows DNSSEC records'),
  checkingDisabled: flag.describe('Shows an answer that fails validation'),
  trace: flag.describe('Asks servers even when the cache has the answer'),
});

/** `POST /dns/query`. */
export const dnsQueryInputSchema = input(
  'DnsQueryInput',
  z.strictObject({
    ...question,
    dnssec: z.boolean().optional(),
    checkingDisabled: z.boolean().optional(),
    trace: z.boolean().optional(),
  }),
);

const record = z.strictObject({
  name: z.string(),
  type: z.string(),
  ttl: z.int(),
  data: z.string().describe('As in a master file'),
});

const security = z.enum(['secure', 'insecure', 'bogus', 'indeterminate', 'unchecked']);

const step = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('view'), view: z.string().nullable() }),
  z.strictObject({
    kind: z.literal('zone'),
    zone: z.string(),
    name: z.string(),
    found: z.enum(['answer', 'cname', 'dname', 'delegation', 'nodata', 'nxdomain', 'servfail']),
    wildcard: z.string().nullable(),
    target: z.string().nullable(),
    signed: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('foreign'), name: z.string() }),
  z.strictObject({
    kind: z.literal('resolver'),
    name: z.string(),
    origin: z.enum(['cache', 'network', 'stale', 'local']),
    security,
    durationMs: amount,
  }),
  z.strictObject({
    kind: z.literal('query'),
    depth: count,
    zone: z.string().nullable(),
    server: z.string(),
    name: z.string(),
    type: z.string(),
    outcome: z.string(),
    durationMs: amount,
  }),
]);

/** `GET /dns/query`: `IQueryExplanation`. */
export const dnsAnswerSchema = answer(
  'DnsAnswer',
  z.strictObject({
    name: z.string(),
    type: z.string(),
    rcode: z.string(),
    authoritative: z.boolean(),
    authenticated: z.boolean(),
    answer: z.array(record),
    authority: z.array(record),
    additional: z.array(record),
    extendedError: z.strictObject({ code: count, text: z.string() }).nullable(),
    path: z.array(step).describe('The steps that led to it, at most 500'),
    durationMs: amount,
  }),
);

/** Which answers of the cache. */
export const dnsCacheQuery = z.strictObject({
  name: nameText.optional().describe('Only of this name'),
  below: flag.describe('Also what is below the name'),
  type: typeText.optional().describe('Only of this type'),
});

/** Which answers of the cache are forgotten. */
export const dnsFlushQuery = z.strictObject({
  name: nameText.optional().describe('Only this name; absent: all'),
  below: flag.describe('Also what is below the name'),
});

/** `GET /dns/cache`. */
export const dnsCachePageSchema = answer(
  'DnsCachePage',
  pageOf(
    z.strictObject({
      name: z.string(),
      type: z.string().nullable().describe('Null: the name does not exist, whatever the type'),
      rcode: z.string(),
      ttl: z.int().describe('Seconds that are left; below 0: expired, and kept for failures'),
      security: z.string(),
      checkingDisabled: z.boolean(),
      hits: count,
      records: z.array(record),
    }),
  ),
);

/** `DELETE /dns/cache`. */
export const dnsFlushedSchema = answer(
  'DnsFlushed',
  z.strictObject({ flushed: count.describe('Answers that were forgotten') }),
);

/** `IDnsStats`. */
export const dnsStatsSchema = answer(
  'DnsStats',
  z.strictObject({
    queries: z.strictObject({ udp: count, tcp: count, tls: count, https: count }),
    queriesPerSecond: amount,
    rcodes: z.record(z.string(), count),
    types: z.record(z.string(), count),
    truncated: count,
    dropped: count,
    rateLimited: count,
    slipped: count,
    faults: count,
    zones: count,
    records: count,
    connections: count,
    topNames: z.array(z.strictObject({ name: z.string(), count })),
    cache: z.strictObject({
      entries: count,
      bytes: count,
      hits: count,
      misses: count,
      hitRate: z.number().min(0).max(1),
      stale: count,
      prefetches: count,
    }),
    transfers: z.strictObject({ out: count, in: count, failed: count }),
    updates: z.strictObject({ applied: count, refused: count }),
  }),
);

/** A master file. */
export const masterFileSchema = input(
  'MasterFile',
  z.string().describe('A master file (RFC 1035 §5), without $INCLUDE'),
);

/** `POST /dns/check`. */
export const zoneCheckSchema = answer(
  'ZoneCheck',
  z.strictObject({
    origin: z.string(),
    serial: count.nullable().describe('Null: no zone is to be made of it'),
    records: count,
    errors: count.describe('Any keeps the zone from being served'),
    warnings: count,
    problems: z
      .array(
        z.strictObject({
          severity: z.enum(['error', 'warning']),
          path: z.string().describe('Owner and type'),
          message: z.string(),
          value: z.unknown().optional(),
          file: z.string().optional(),
          line: z.int().optional(),
          column: z.int().optional(),
          suggestion: z.string().optional(),
        }),
      )
      .describe('The first 100 of each'),
  }),
);

const ownedShape = {
  name: nameText.describe('A zone of ours has to have it'),
  type: recordType,
  ttl: ttl.optional(),
  data: z.array(recordData).min(1).max(1_000),
  owner: z.string().min(1).max(200).describe('E.g. `dkim:example.com/2026a`'),
  purpose: z.string().min(1).max(100).describe('E.g. `dkim`'),
  expiresAt: z.iso.datetime({ offset: true }).optional().describe('They are removed then'),
};

/** `PUT /dns/owned`: `IOwnedRecords`. */
export const ownedInputSchema = input('OwnedRecordsInput', z.strictObject(ownedShape));

/** `IOwnedRecords`. */
export const ownedSchema = answer(
  'OwnedRecords',
  z.strictObject({
    name: z.string(),
    type: z.string(),
    ttl: count.optional(),
    data: z.array(z.string()),
    owner: z.string(),
    purpose: z.string(),
    expiresAt: z.string().optional(),
  }),
);

/** `GET /dns/owned`. */
export const ownedPageSchema = answer('OwnedRecordsPage', pageOf(ownedSchema));

/** Which owned records. */
export const ownedQuery = z.strictObject({
  owner: z.string().min(1).max(200).optional(),
  purpose: z.string().min(1).max(100).optional(),
  zone: z.string().min(1).max(1_200).optional().describe('Id of a zone'),
});

/** Which owned records are removed. */
export const ownedRemoveQuery = z.strictObject({
  owner: z.string().min(1).max(200),
  name: nameText.optional().describe('With `type`: only this record set'),
  type: typeText.optional(),
});

/** `DELETE /dns/owned`. */
export const ownedRemovedSchema = answer(
  'OwnedRecordsRemoved',
  z.strictObject({ removed: count.describe('Record sets of the owner') }),
);
