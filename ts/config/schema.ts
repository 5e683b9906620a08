/** The schemas of all that a DcRouter can be told, and the functions that apply them. */
export { parseBackend, parseCertificate, parseRoute } from './parse.ts';
export {
  type IDisabledItem,
  type IParsedOptions,
  type IParseSettings,
  parseOptions,
} from './parse-options.ts';
export { authSchema, basicUserSchema, forwardAuthSchema } from './schema-auth.ts';
export { backendSchema, backendTlsSchema } from './schema-backend.ts';
export { requestHeaderChangesSchema, responseHeaderChangesSchema } from './schema-headers.ts';
export { healthSchema, retrySchema, stickySchema } from './schema-health.ts';
export { httpLimitsSchema, httpTimeoutsSchema } from './schema-http.ts';
export { apiSchema, certificateSchema, logSchema, optionsSchema } from './schema-options.ts';
export {
  headerMatchSchema,
  pathMatchSchema,
  redirectSchema,
  routeSchema,
  sslSchema,
  strategyNames,
} from './schema-route.ts';
export { accessLogSchema, entrypointSchema, entrypointTlsSchema, webSchema } from './schema-web.ts';
