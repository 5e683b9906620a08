import { z } from 'zod';
import { objectCheck } from './schema-object.ts';
import { hostAndPort, intervalMs, TIMER_MAX_MS, token, urlPath, whole } from './schema-scalar.ts';

const status = whole(100, 599);

/** `IHealthOptions`: when a backend counts as dead, and how it comes back. */
export const healthSchema = z
  .strictObject({
    failuresMax: whole(1, 1_000).optional(),
    recoveryIntervalMs: whole(10, TIMER_MAX_MS).optional(),
    probe: z.enum(['tcp', 'http']).optional(),
    path: urlPath.optional(),
    host: hostAndPort.optional(),
    statusRange: z.tuple([status, status]).optional(),
    probeTimeoutMs: intervalMs.optional(),
    active: z
      .strictObject({
        intervalMs: whole(10, TIMER_MAX_MS).optional(),
        unhealthyThreshold: whole(1, 1_000).optional(),
        healthyThreshold: whole(1, 1_000).optional(),
      })
      .optional(),
  })
  .check(
    objectCheck(({ statusRange }, refuse) => {
      if (!Array.isArray(statusRange)) return;
      const [lowest, highest] = statusRange;
      if (lowest > highest) refuse(['statusRange'], 'Must have its lower status first');
    }),
  );

/** `IRetryOptions`: how failed requests are tried again. */
export const retrySchema = z.strictObject({
  attempts: whole(0, 20).optional(),
  budget: z.number().min(0).max(1).optional(),
});

/** `IStickyOptions`: the cookie that brings a client back to its backend. */
export const stickySchema = z
  .strictObject({
    cookie: token.optional(),
    maxAgeSeconds: whole(1, 34_560_000).optional(),
    secure: z.boolean().optional(),
    sameSite: z.enum(['Strict', 'Lax', 'None']).optional(),
  })
  .check(
    objectCheck(({ sameSite, secure }, refuse) => {
      if (sameSite !== 'None' || secure !== false) return;
      refuse(['secure'], 'Must be true with "sameSite: None": browsers drop the cookie otherwise');
    }),
  );
