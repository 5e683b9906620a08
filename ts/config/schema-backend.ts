import { z } from 'zod';
import { serviceDomain } from './host-name.ts';
import { isObject, objectCheck, type TRefuse } from './schema-object.ts';
import {
  hostAndPort,
  hostname,
  itemName,
  listenPort,
  pemCertificate,
  pemKey,
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

/** Versions of the PROXY protocol that can be sent. */
export const proxyVersion = z.enum(['v1', 'v2']);

const backendFields = z.strictObject({
  id: itemName.default(''),
  hostname,
  port: listenPort.default(0),
  weight: whole(1, 65_535).optional(),
  socketPath: socketPath.optional(),
  tls: backendTlsSchema.optional(),
  sendProxyProtocol: proxyVersion.optional(),
  isDead: z.boolean().default(false),
  deadSince: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  failureCount: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  maintenance: z.boolean().optional(),
});

/** `Backend` as accepted. A missing id is filled in by the route. */
export const backendSchema = backendFields.check(
  objectCheck((backend, refuse) => {
    if (backend.port !== 0) return;
    const { hostname: name } = backend;
    // SRV records have the port.
    if (typeof name === 'string' && serviceDomain(name) !== undefined) return;
    refuse(
      ['port'],
      'Must be a port from 1 to 65535, unless the name is like _http._tcp.example.com',
    );
  }),
);

/** The same in a TCP entry, where port 0 stands for the port that the client came to. */
export const tcpBackendSchema = backendFields;

/** Reports backends whose id an earlier one of the list has. */
export function refuseTwinBackends(
  backends: readonly unknown[],
  refuse: TRefuse,
  path: readonly (string | number)[] = ['backends'],
): void {
  if (backends.length < 2) return;
  const seen = new Map<string, number>();
  backends.forEach((backend, index) => {
    const id = isObject(backend) ? backend.id : undefined;
    if (typeof id !== 'string' || id === '') return;
    const first = seen.get(id);
    if (first === undefined) seen.set(id, index);
    else refuse([...path, index, 'id'], `Must be unique: backends[${first}] has this id`);
  });
}

/**
 * Gives each backend without an id the first free of `backend-1`, `backend-2`, … from its place on.
 */
export function nameBackends(backends: { id: string }[]): void {
  if (backends.length === 1 && backends[0]?.id === '') {
    backends[0].id = 'backend-1';
    return;
  }
  const taken = new Set(backends.map(({ id }) => id));
  for (const [index, backend] of backends.entries()) {
    if (backend.id !== '') continue;
    let number = index + 1;
    while (taken.has(`backend-${number}`)) number++;
    backend.id = `backend-${number}`;
    taken.add(backend.id);
  }
}
