import { z } from 'zod';
import type { IBandwidth, IConnectionRate, IRateLimit } from '../../ts_interfaces/data/limit.ts';
import { listName } from './schema-access.ts';
import type { TFits } from './schema-object.ts';
import { token, whole } from './schema-scalar.ts';

const amount = whole(1, 1_000_000_000);

/** A day: what is counted is forgotten with the process. */
const windowSeconds = whole(1, 86_400);

const bytesPerSecond = whole(0, Number.MAX_SAFE_INTEGER);

/** `IRateLimit`: how many requests may come. */
export const rateLimitSchema = z.strictObject({
  requests: amount,
  windowSeconds: windowSeconds.optional(),
  burst: amount.optional(),
  key: z.union([z.enum(['address', 'route']), z.strictObject({ header: token })]).optional(),
  prefix4: whole(1, 32).optional(),
  prefix6: whole(1, 128).optional(),
});

/** `limits`: rate limits by the names that routes use. */
export const limitsSchema = z.record(listName, rateLimitSchema);

/** `IConnectionRate`: how many connections may come. */
export const connectionRateSchema = z.strictObject({
  connections: amount,
  windowSeconds: windowSeconds.optional(),
  burst: amount.optional(),
});

/** `IBandwidth`: how fast one connection may be. */
export const bandwidthSchema = z.strictObject({
  inBytesPerSecond: bytesPerSecond.optional(),
  outBytesPerSecond: bytesPerSecond.optional(),
});

/** The schemas say what the public types say: this type compiles only while they do. */
export type TLimitSchemaCheck = [
  TFits<z.output<typeof rateLimitSchema>, IRateLimit>,
  TFits<IRateLimit, z.input<typeof rateLimitSchema>>,
  TFits<keyof IRateLimit, keyof z.output<typeof rateLimitSchema>>,
  TFits<z.output<typeof connectionRateSchema>, IConnectionRate>,
  TFits<keyof IConnectionRate, keyof z.output<typeof connectionRateSchema>>,
  TFits<z.output<typeof bandwidthSchema>, IBandwidth>,
  TFits<keyof IBandwidth, keyof z.output<typeof bandwidthSchema>>,
];
