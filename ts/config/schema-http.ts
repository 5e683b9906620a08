import { z } from 'zod';
import { milliseconds, whole } from './schema-scalar.ts';

const mebibyte = 1_048_576;

/** `IHttpLimits`: sizes that a request may have. */
export const httpLimitsSchema = z.strictObject({
  headBytesMax: whole(256, 16 * mebibyte).optional(),
  headerCountMax: whole(1, 10_000).optional(),
  uriBytesMax: whole(16, 16 * mebibyte).optional(),
  bodyBytesMax: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  responseHeadBytesMax: whole(256, 16 * mebibyte).optional(),
});

/** `IHttpTimeouts`: milliseconds, 0 for "off". */
export const httpTimeoutsSchema = z.strictObject({
  headMs: milliseconds.optional(),
  bodyMs: milliseconds.optional(),
  idleMs: milliseconds.optional(),
  connectMs: milliseconds.optional(),
  firstByteMs: milliseconds.optional(),
  responseMs: milliseconds.optional(),
  totalMs: milliseconds.optional(),
  tunnelIdleMs: milliseconds.optional(),
  upstreamIdleMs: milliseconds.optional(),
  handshakeMs: milliseconds.optional(),
});
