import { z } from 'zod';
import { rateLimitSchema } from '../../config/schema-limit.ts';
import { answer, input, pageOf } from './registry.ts';
import { originSchema } from './route.ts';

const count = z.int().min(0);

/** What a limit is made from: `IRateLimit`. */
export const rateLimitInputSchema = input('RateLimitInput', rateLimitSchema);

/** `ILimitInfo`. */
export const limitInfoSchema = answer(
  'Limit',
  z.strictObject({
    name: z.string(),
    limit: z.strictObject(rateLimitSchema.shape),
    origin: originSchema,
    keys: count.describe('Keys that have a bucket now'),
    allowed: count.describe('Requests that were let through since the start'),
    refused: count.describe('Requests that were refused since the start'),
    routes: z.array(z.string()).describe('Ids of the routes that name it'),
  }),
);

/** `GET /limits`. */
export const limitPageSchema = answer('LimitPage', pageOf(limitInfoSchema));
