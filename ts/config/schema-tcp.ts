import { isIP } from 'node:net';
import { z } from 'zod';
import type {
  IDomainConfig,
  IPortProxySettings,
  ITcpAddress,
  ITcpTimeouts,
  IUdpOptions,
  TPortProxyInput,
} from '../../ts_interfaces/data/tcp.ts';
import { normalizeVHost } from './host-name.ts';
import { isPortRange, readPortRange } from './port-range.ts';
import { accessRulesSchema, proxyProtocolSchema } from './schema-access.ts';
import { nameBackends, proxyVersion, tcpBackendSchema } from './schema-backend.ts';
import { healthSchema } from './schema-health.ts';
import { bandwidthSchema, connectionRateSchema } from './schema-limit.ts';
import { filledArray, objectCheck, type TFits } from './schema-object.ts';
import { strategyNames } from './schema-route.ts';
import {
  address,
  hostname,
  intervalMs,
  itemName,
  listenPort,
  milliseconds,
  pattern,
  port,
  text,
  whole,
} from './schema-scalar.ts';
import { entrypointTlsSchema } from './schema-web.ts';
import { checkDomainConfig, checkTcpEntry } from './tcp-checks.ts';
import { domainConfigId, tcpEntryId } from './tcp-ids.ts';
import { readTarget } from './tcp-target.ts';

/** `TPortRange`; becomes `{ from, to }`. */
export const portRangeSchema = z
  .union([port, z.string(), z.strictObject({ from: port, to: port })])
  .check((payload) => {
    const range = readPortRange(payload.value);
    if (isPortRange(range)) payload.value = range;
    // A port out of bounds is refused already.
    if (isPortRange(range) || payload.issues.length > 0) return;
    const { problem: message, suggestion } = range;
    const params = { suggestion };
    const input = payload.value;
    payload.issues.push({ code: 'custom', input, message, params, continue: true });
  });

const portRanges = filledArray(portRangeSchema, 'port');

/** `ITcpAddress`: where to connect to. */
export const tcpAddressSchema = z.strictObject({ host: hostname, port: port.optional() });

const targetText = text((value) => {
  const target = readTarget(value);
  return 'problem' in target ? target : value;
});

const targets = filledArray(z.union([port, targetText, tcpAddressSchema]), 'target');

const portKey = text((value) => {
  const range = readPortRange(value);
  return isPortRange(range) ? value : range;
});

const mapping = z.record(portKey, z.union([port, targetText, tcpAddressSchema, targets]));

/** `TToPort`: where connections go, in short. Stays as it is written. */
export const toPortSchema = z.union([port, targetText, tcpAddressSchema, targets, mapping]);

/** `ITcpTimeouts`: milliseconds, 0 for "off". */
export const tcpTimeoutsSchema = z.strictObject({
  peekMs: milliseconds.optional(),
  silentMs: milliseconds.optional(),
  connectMs: milliseconds.optional(),
  idleMs: milliseconds.optional(),
  totalMs: milliseconds.optional(),
  halfCloseMs: milliseconds.optional(),
  handshakeMs: milliseconds.optional(),
});

/** `IUdpOptions`: sessions of UDP. */
export const udpSchema = z.strictObject({
  sessionsMax: whole(1, 10_000_000).optional(),
  sessionsPerClientMax: whole(0, 10_000_000).optional(),
  idleMs: intervalMs.optional(),
});

/** What a domain config and its entry can do alike. */
const actionShape = {
  toPort: toPortSchema.optional(),
  backends: z.array(tcpBackendSchema).optional(),
  useNetworkProxy: z.boolean().optional(),
  tls: z.union([z.enum(['passthrough', 'terminate']), entrypointTlsSchema]).optional(),
  strategy: z.enum(strategyNames).optional(),
  health: healthSchema.optional(),
  retries: whole(0, 20).optional(),
  sendProxyProtocol: proxyVersion.optional(),
  access: accessRulesSchema.optional(),
  connectionsMax: whole(0, 10_000_000).optional(),
  connectionsPerClientMax: whole(0, 10_000_000).optional(),
  connectionRate: connectionRateSchema.optional(),
  bandwidth: bandwidthSchema.optional(),
  timeouts: tcpTimeoutsSchema.optional(),
};

const serverName = text((value) => {
  const name = normalizeVHost(value);
  const bare = typeof name === 'string' ? name.replace(/^\[|\]$/g, '') : '';
  if (isIP(bare) === 0) return name;
  return {
    problem: 'Must be a name: clients do not ask for addresses by SNI (RFC 6066 section 3)',
  };
});

const alpnName = pattern(/^[!-~]{1,255}$/, 'Must be a protocol name of ALPN, such as h2');

/** `IDomainConfig` as accepted; a parsed one has its id and the ids of its backends. */
export const domainConfigSchema = z
  .strictObject({
    id: itemName.default(''),
    domains: filledArray(serverName, 'domain').optional(),
    alpn: filledArray(alpnName, 'protocol').optional(),
    protocol: z.enum(['tls', 'http', 'ssh', 'silent', 'other']).optional(),
    portRanges: portRanges.optional(),
    ...actionShape,
  })
  .check(objectCheck(checkDomainConfig), ({ value }) => {
    if (value.id === '') value.id = domainConfigId(value);
    if (value.backends !== undefined) nameBackends(value.backends);
  });

/** `IPortProxySettings` as accepted; a parsed one has its id and the ids of its backends. */
export const tcpEntrySchema = z
  .strictObject({
    id: itemName.default(''),
    enabled: z.boolean().optional(),
    protocol: z.enum(['tcp', 'udp']).optional(),
    address: address.optional(),
    fromPort: listenPort.optional(),
    globalPortRanges: portRanges.optional(),
    ...actionShape,
    domainConfigs: z.array(domainConfigSchema).optional(),
    unknownName: z.enum(['default', 'reset']).optional(),
    proxyProtocol: proxyProtocolSchema.optional(),
    keepAliveMs: milliseconds.optional(),
    noDelay: z.boolean().optional(),
    udp: udpSchema.optional(),
    forwarding: z.enum(['user', 'kernel']).optional(),
    kernelFallback: z.boolean().optional(),
  })
  .check(objectCheck(checkTcpEntry), ({ value }) => {
    if (value.id === '') value.id = tcpEntryId(value);
    if (value.backends !== undefined) nameBackends(value.backends);
  });

/** The schemas say what the public types say: this type compiles only while they do. */
export type TTcpSchemaCheck = [
  TFits<z.output<typeof tcpEntrySchema>, IPortProxySettings>,
  TFits<TPortProxyInput, z.input<typeof tcpEntrySchema>>,
  TFits<keyof IPortProxySettings, keyof z.output<typeof tcpEntrySchema>>,
  TFits<z.output<typeof domainConfigSchema>, IDomainConfig>,
  TFits<keyof IDomainConfig, keyof z.output<typeof domainConfigSchema>>,
  TFits<keyof ITcpAddress, keyof z.output<typeof tcpAddressSchema>>,
  TFits<keyof ITcpTimeouts, keyof z.output<typeof tcpTimeoutsSchema>>,
  TFits<keyof IUdpOptions, keyof z.output<typeof udpSchema>>,
];
