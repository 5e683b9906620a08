import { z } from 'zod';
import { zoneSchema } from '../../config/schema-zone.ts';
import { answer, input, pageOf } from './registry.ts';
import { originSchema } from './route.ts';

/** What a zone is made from: `IZoneOptions`. */
export const zoneInputSchema = input('ZoneInput', zoneSchema);

const instant = z.iso.datetime().nullable();

const infoShape = {
  id: z.string().describe('`example.com`, or `example.com@internal` with a view'),
  name: z.string(),
  view: z.string().nullable(),
  kind: z.enum(['primary', 'secondary']),
  origin: originSchema,
  state: z
    .enum(['serving', 'loading', 'expired'])
    .describe('Answered for; or a secondary that was never fetched, or not for too long: SERVFAIL'),
  serial: z.int().min(0).nullable().describe('Of the SOA that is served; null: nothing is'),
  records: z.int().min(0),
  changed: z.int().min(0).describe('Record sets that were changed over the file’s'),
  dnssec: z.boolean(),
  warnings: z.array(z.string()).describe('What somebody should look at'),
  refreshAt: instant.describe('Secondaries: the next refresh'),
  expireAt: instant,
  checkedAt: instant.describe('Secondaries: when it was last found to be up to date'),
  checkedWith: z.string().nullable(),
};

/** `IZoneInfo`. */
export const zoneInfoSchema = answer('ZoneInfo', z.strictObject(infoShape));

/** A zone with what it was made from. */
export const zoneViewSchema = answer(
  'Zone',
  z.strictObject({ ...infoShape, options: z.strictObject(zoneSchema.shape) }),
);

/** `GET /dns/zones`. */
export const zonePageSchema = answer('ZonePage', pageOf(zoneInfoSchema));

/** What came of a change of what a zone holds. */
export const zoneChangedSchema = answer(
  'ZoneChanged',
  z.strictObject({
    zone: z.string().describe('Its id'),
    serial: z.int().min(0).nullable().describe('That is served afterwards; null: nothing is'),
  }),
);
