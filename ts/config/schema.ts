/** The schemas of all that a DcRouter can be told, and the functions that apply them. */
export {
  parseAddressList,
  parseBackend,
  parseCertificate,
  parseRateLimit,
  parseRoute,
  parseTcpEntry,
  parseZone,
} from './parse.ts';
export {
  type IDisabledItem,
  type IParsedOptions,
  type IParseSettings,
  parseOptions,
} from './parse-options.ts';
export {
  accessRulesSchema,
  accessSchema,
  addressListSchema,
  proxyProtocolSchema,
} from './schema-access.ts';
export { authSchema, basicUserSchema, forwardAuthSchema } from './schema-auth.ts';
export { backendSchema, backendTlsSchema, tcpBackendSchema } from './schema-backend.ts';
export {
  dnsHttpsSchema,
  dnsLimitsSchema,
  dnsListenerSchema,
  dnsRateLimitSchema,
  dnsResolverSchema,
  dnsSchema,
  dnsViewSchema,
  tsigKeySchema,
} from './schema-dns.ts';
export { requestHeaderChangesSchema, responseHeaderChangesSchema } from './schema-headers.ts';
export { healthSchema, retrySchema, stickySchema } from './schema-health.ts';
export { httpLimitsSchema, httpTimeoutsSchema } from './schema-http.ts';
export { bandwidthSchema, connectionRateSchema, rateLimitSchema } from './schema-limit.ts';
export { apiSchema, certificateSchema, logSchema, optionsSchema } from './schema-options.ts';
export {
  headerMatchSchema,
  pathMatchSchema,
  redirectSchema,
  routeSchema,
  sslSchema,
  strategyNames,
} from './schema-route.ts';
export {
  domainConfigSchema,
  portRangeSchema,
  tcpAddressSchema,
  tcpEntrySchema,
  tcpTimeoutsSchema,
  toPortSchema,
  udpSchema,
} from './schema-tcp.ts';
export { accessLogSchema, entrypointSchema, entrypointTlsSchema, webSchema } from './schema-web.ts';
export {
  dnssecSchema,
  healthMemberSchema,
  healthRecordsSchema,
  updateRuleSchema,
  zonePeerSchema,
  zoneRecordSchema,
  zoneSchema,
} from './schema-zone.ts';
