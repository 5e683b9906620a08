import { z } from 'zod';
import { answer, input } from './registry.ts';

const scope = z.enum(['read', 'write', 'admin']);

const instant = z.iso.datetime({ offset: true });

/** What a token is made from. */
export const tokenInputSchema = input(
  'TokenInput',
  z.strictObject({
    name: z.string().min(1).max(200).describe('What it is for'),
    scopes: z
      .array(scope)
      .min(1)
      .max(3)
      .describe('`admin` includes `write`, `write` includes `read`'),
    expiresAt: instant.optional().describe('Absent: it does not expire'),
  }),
);

/** What a token is made from. */
export type ITokenInput = z.input<typeof tokenInputSchema>;

/** `ITokenInfo`: what may be shown of a token. */
export const tokenInfoSchema = answer(
  'Token',
  z.strictObject({
    id: z.string().min(1),
    name: z.string(),
    scopes: z.array(scope),
    createdAt: instant,
    expiresAt: instant.optional(),
    lastUsedAt: instant.optional(),
  }),
);

/** The answer to creating one: the only time that its secret is shown. */
export const newTokenSchema = answer(
  'NewToken',
  tokenInfoSchema.extend({
    token: z.string().regex(/^dcr_/).describe('The secret; it is not shown again'),
  }),
);

/** `GET /tokens`. */
export const tokenListSchema = answer(
  'TokenList',
  z.strictObject({ items: z.array(tokenInfoSchema), total: z.int().min(0) }),
);

/** A token as the store holds it. */
export const tokenRecordSchema = tokenInfoSchema.extend({
  hash: z.string().regex(/^sha256\$[0-9a-f]{64}$/),
});

/** A token as the store holds it: a hash instead of the secret. */
export type ITokenRecord = z.output<typeof tokenRecordSchema>;
