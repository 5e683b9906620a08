import { z } from 'zod';
import { answer, pageOf } from './registry.ts';

const count = z.int().min(0);
const seconds = z.number().min(0);

/** What a connection can carry. */
export const connectionProtocolSchema = z.enum([
  'http',
  'https',
  'websocket',
  'tunnel',
  'tcp',
  'tls',
  'udp',
]);

/** `IConnectionInfo`. */
export const connectionSchema = answer(
  'Connection',
  z.strictObject({
    id: z.string().describe('Unique while it is open'),
    protocol: connectionProtocolSchema,
    client: z.string().describe('Address and port; IPv6 in brackets'),
    entrypoint: z.string().describe('Name of the web entrypoint, or id of the TCP entry'),
    port: z.int().min(0).max(65_535).describe('That the client came to'),
    route: z
      .string()
      .nullable()
      .describe('Route of its current request, or id of the domain config'),
    backend: z.string().nullable().describe('Address of the backend'),
    serverName: z.string().nullable().describe('Name that the client asked for by SNI'),
    openedAt: z.iso.datetime(),
    ageSeconds: seconds,
    idleSeconds: seconds.describe('Since something moved'),
    bytesIn: count,
    bytesOut: count,
    worker: z.int().nullable().describe('Process that serves it; null without workers'),
  }),
);

/** `GET /connections`. */
export const connectionPageSchema = answer('ConnectionPage', pageOf(connectionSchema));
