import { z } from 'zod';
import { objectCheck } from './schema-object.ts';
import {
  hostAndPort,
  hostname,
  itemName,
  pemCertificate,
  pemKey,
  port,
  text,
  whole,
} from './schema-scalar.ts';

/** Longest path of a unix socket, in bytes (`sun_path` less its NUL). */
const socketPathBytesMax = 107;

const socketPath = text((value) => {
  if (!value.startsWith('/')) return { problem: 'Must be an absolute path' };
  if (value.includes('\0')) return { problem: 'Must be a path without NUL' };
  if (Buffer.byteLength(value) <= socketPathBytesMax) return value;
  return { problem: `Must be a path of at most ${socketPathBytesMax} bytes` };
});

/** `IBackendTls`: how the proxy speaks TLS to a backend. */
export const backendTlsSchema = z
  .strictObject({
    verify: z.boolean().optional(),
    ca: pemCertificate.optional(),
    serverName: hostAndPort
      .check((payload) => {
        if (!payload.value.includes(':')) return;
        const message = 'Must be a name without a port';
        payload.issues.push({ code: 'custom', input: payload.value, message, continue: true });
      })
      .optional(),
    cert: pemCertificate.optional(),
    key: pemKey.optional(),
  })
  .check(
    objectCheck((value, refuse) => {
      if ((value.cert === undefined) === (value.key === undefined)) return;
      const [there, missing] = value.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
      refuse([there], `Must come with "${missing}": a client certificate needs both`);
    }),
  );

/** `Backend` as accepted. A missing id is filled in by the route. */
export const backendSchema = z.strictObject({
  id: itemName.default(''),
  hostname,
  port,
  weight: whole(1, 65_535).optional(),
  socketPath: socketPath.optional(),
  tls: backendTlsSchema.optional(),
  isDead: z.boolean().default(false),
  deadSince: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  failureCount: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  maintenance: z.boolean().optional(),
});
