import { z } from 'zod';
import { dnssecSchema } from '../../config/schema-zone.ts';
import { answer, input } from './registry.ts';

/** How a zone is signed: `IDnssecOptions`. */
export const dnssecInputSchema = input('DnssecInput', dnssecSchema);

const role = z.enum(['ksk', 'zsk', 'csk']);

/** `POST /dns/zones/:zone/dnssec/roll`. */
export const rollInputSchema = input(
  'DnssecRollInput',
  z.strictObject({ role: role.describe('Whose key is replaced') }),
);

/** `POST /dns/zones/:zone/dnssec/ds`. */
export const dsInputSchema = input(
  'DnssecDsInput',
  z.strictObject({
    ds: z
      .array(z.string().min(1).max(1_000))
      .max(32)
      .describe('DS records that the parent has, as presentation text; empty: none'),
  }),
);

/** `IZoneDnssecInfo` with its options; no secret of a key is ever in it. */
export const dnssecViewSchema = answer(
  'Dnssec',
  z.strictObject({
    zone: z.string(),
    enabled: z.boolean(),
    denial: z.string().nullable(),
    keys: z.array(
      z.strictObject({
        id: z.string(),
        role,
        state: z.string(),
        algorithm: z.string(),
        tag: z.int().min(0).max(65_535),
        dnskey: z.string().describe('Public, as presentation text'),
        ds: z.string().nullable().describe('SHA-256, for the parent; null for a ZSK'),
        waitsForDs: z.boolean().describe('A rollover waits until the parent has its DS'),
        createdAt: z.iso.datetime(),
      }),
    ),
    ds: z.array(z.string()).describe('DS records that the parent should have'),
    withdrawing: z
      .boolean()
      .describe('It was asked to be unsigned, and waits until nobody has its DS'),
    options: z.strictObject(dnssecSchema.shape).nullable().describe('Null: it is not to be signed'),
  }),
);
