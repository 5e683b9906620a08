import { z } from 'zod';
import { tcpBackendSchema } from '../../config/schema-backend.ts';
import { domainConfigSchema, portRangeSchema, tcpEntrySchema } from '../../config/schema-tcp.ts';
import { answer, input, pageOf } from './registry.ts';
import { originSchema } from './route.ts';

const count = z.int().min(0);
const portNumber = z.int().min(0).max(65_535);

/** What an entry is made from: `TPortProxyInput`. */
export const tcpEntryInputSchema = input('TcpEntryInput', tcpEntrySchema);

/** What a domain config is made from: `TDomainConfigInput`. */
export const domainConfigInputSchema = input('DomainConfigInput', domainConfigSchema);

/** What a port range is made from: `TPortRange`. */
export const portRangeInputSchema = input('PortRangeInput', portRangeSchema);

/** A port range as it is shown. */
export const portRangeViewSchema = answer(
  'PortRange',
  z.strictObject({ from: portNumber, to: portNumber }),
);

/** `ITcpStats`. */
export const tcpStatsSchema = answer(
  'TcpStats',
  z.strictObject({
    open: count.describe('Connections (UDP: sessions) that are open now'),
    total: count.describe('Since the start'),
    refused: count.describe('Closed because of a limit or an access rule'),
    failed: count.describe('Broken off: no backend, an unknown name, a timeout, an error'),
    bytesIn: count,
    bytesOut: count,
  }),
);

/** `ITcpEndpointInfo`. */
export const tcpEndpointSchema = answer(
  'TcpEndpoint',
  z.strictObject({
    domainConfig: z.string().nullable().describe('Whose it is; null: the entry itself'),
    id: z.string(),
    address: z.string(),
    isDead: z.boolean(),
    failureCount: count,
    active: count.describe('Connections now'),
    connections: count.describe('Connections since the start'),
  }),
);

const backendViewSchema = z.strictObject({
  ...tcpBackendSchema.shape,
  id: z.string().min(1),
  isDead: z.boolean().describe('Out of rotation. Read-only, as the two after it'),
  failureCount: count.describe('Failures since it last worked'),
  maintenance: z.boolean().describe('Taken out by hand'),
});

/** A domain config with the live state of its backends; secrets are masked. */
export const domainConfigViewSchema = answer(
  'DomainConfig',
  z.strictObject({
    ...domainConfigSchema.shape,
    id: z.string().min(1),
    portRanges: z.array(portRangeViewSchema).optional(),
    backends: z.array(backendViewSchema).optional(),
  }),
);

/** `ITcpEntryInfo`: an entry with its numbers; secrets are masked. */
export const tcpEntryViewSchema = answer(
  'TcpEntry',
  z.strictObject({
    ...tcpEntrySchema.shape,
    id: z.string().min(1),
    globalPortRanges: z.array(portRangeViewSchema).optional(),
    backends: z.array(backendViewSchema).optional(),
    domainConfigs: z.array(domainConfigViewSchema).optional(),
    origin: originSchema,
    listening: z
      .array(z.strictObject({ address: z.string(), port: portNumber }))
      .describe('Ports that are open'),
    forwardedBy: z.enum(['user', 'kernel', 'none']),
    reason: z.string().optional().describe('Why it is not forwarded as it was asked for'),
    stats: tcpStatsSchema,
    endpoints: z.array(tcpEndpointSchema).describe('Its backends as they are doing'),
  }),
);

/** `GET /tcp`. */
export const tcpEntryPageSchema = answer('TcpEntryPage', pageOf(tcpEntryViewSchema));

/** `GET /tcp/:id/domains`. */
export const domainConfigListSchema = answer(
  'DomainConfigList',
  z.strictObject({ items: z.array(domainConfigViewSchema), total: count }),
);

/** `GET /tcp/:id/ranges`. */
export const portRangeListSchema = answer(
  'PortRangeList',
  z.strictObject({ items: z.array(portRangeViewSchema), total: count }),
);
