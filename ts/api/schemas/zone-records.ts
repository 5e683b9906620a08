import { z } from 'zod';
import { recordData } from '../../config/schema-dns-scalar.ts';
import { objectCheck } from '../../config/schema-object.ts';
import { healthRecordsSchema, zoneRecordSchema } from '../../config/schema-zone.ts';
import { checkRecord } from '../../config/zone-checks.ts';
import { answer, input, pageOf } from './registry.ts';

const { name, type, ttl } = zoneRecordSchema.shape;
const health = healthRecordsSchema.optional();

/** What a record set is made from: `IZoneRecord`. */
export const recordSetInputSchema = input(
  'RecordSetInput',
  z.strictObject({
    name: name.optional().describe('Must be the one of the address'),
    type: type.optional().describe('Must be the one of the address'),
    ttl,
    data: z.union([recordData, z.array(recordData).min(1)]).optional(),
    health,
  }),
);

/** The same with the name and type of the address in it. */
export const namedRecordSetSchema = z
  .strictObject({ ...recordSetInputSchema.shape, name, type })
  .check(objectCheck(checkRecord));

/** Record sets that a batch has at most: they are changed in one go, while all else waits. */
export const batchSetsMax = 10_000;

/** One of a batch: without data it goes away. */
export const recordChangeSchema = z
  .strictObject({
    name,
    type,
    ttl,
    data: z.union([recordData, z.array(recordData)]).optional(),
    health,
  })
  .check(objectCheck(checkRecord));

/** `PUT /dns/zones/:zone/records`. */
export const recordBatchSchema = input(
  'RecordBatch',
  z.array(recordChangeSchema).min(1).max(batchSetsMax),
);

/** `IRecordSetInfo`. */
export const recordSetSchema = answer(
  'RecordSet',
  z.strictObject({
    name: z.string().describe('Absolute, with a trailing dot'),
    type: z.string(),
    ttl: z.int().min(0).describe('Seconds'),
    data: z.array(z.string()).describe('As in a master file; names absolute'),
    origin: z
      .enum(['file', 'api', 'update', 'owned', 'transfer', 'made'])
      .describe(
        'The file, the API, an update (RFC 2136), owned records, a transfer, or the router',
      ),
    health,
    owners: z.array(z.string()).optional().describe('Who set records among them'),
  }),
);

/** `GET /dns/zones/:zone/records`. */
export const recordSetPageSchema = answer('RecordSetPage', pageOf(recordSetSchema));

/** `POST /dns/zones/:zone/revert`. */
export const revertInputSchema = input(
  'RevertInput',
  z.strictObject({
    name: z.string().min(1).max(1_200).optional().describe('Only this name'),
    type: z.string().min(1).max(32).optional().describe('Only this type of the name'),
  }),
);

/** What a batch did. */
export const recordsChangedSchema = answer(
  'RecordsChanged',
  z.strictObject({
    zone: z.string(),
    serial: z.int().min(0).nullable(),
    sets: z.int().min(0).describe('Record sets that it named'),
  }),
);
