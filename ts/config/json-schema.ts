import { z } from 'zod';
import { descriptions } from './descriptions.ts';
import {
  accessLogSchema,
  accessRulesSchema,
  accessSchema,
  addressListSchema,
  apiSchema,
  authSchema,
  backendSchema,
  backendTlsSchema,
  bandwidthSchema,
  basicUserSchema,
  certificateSchema,
  connectionRateSchema,
  dnsHttpsSchema,
  dnsLimitsSchema,
  dnsListenerSchema,
  dnsRateLimitSchema,
  dnsResolverSchema,
  dnsSchema,
  dnssecSchema,
  dnsViewSchema,
  domainConfigSchema,
  entrypointSchema,
  entrypointTlsSchema,
  forwardAuthSchema,
  headerMatchSchema,
  healthMemberSchema,
  healthRecordsSchema,
  healthSchema,
  httpLimitsSchema,
  httpTimeoutsSchema,
  logSchema,
  optionsSchema,
  pathMatchSchema,
  portRangeSchema,
  proxyProtocolSchema,
  rateLimitSchema,
  redirectSchema,
  requestHeaderChangesSchema,
  responseHeaderChangesSchema,
  retrySchema,
  routeSchema,
  stickySchema,
  tcpAddressSchema,
  tcpBackendSchema,
  tcpEntrySchema,
  tcpTimeoutsSchema,
  toPortSchema,
  tsigKeySchema,
  udpSchema,
  updateRuleSchema,
  webSchema,
  zonePeerSchema,
  zoneRecordSchema,
  zoneSchema,
} from './schema.ts';
import { isObject } from './schema-object.ts';

/** A JSON Schema, or a part of one. */
export type TJsonSchema = Record<string, unknown>;

/** What the docstring of a field of `ts_interfaces` says. */
export interface IDescription {
  text: string;
  /** As it is written there: `75000`, `'auto'`, or words. */
  default: string | undefined;
}

/** Schemas that are definitions of their own, by the name of their public type. */
const named: readonly (readonly [z.ZodType, string])[] = [
  [accessLogSchema, 'IAccessLogOptions'],
  [apiSchema, 'IApiOptions'],
  [authSchema, 'IAuth'],
  [backendSchema, 'Backend'],
  [backendTlsSchema, 'IBackendTls'],
  [basicUserSchema, 'IBasicUser'],
  [certificateSchema, 'ICertificateOptions'],
  [entrypointSchema, 'IEntrypointOptions'],
  [entrypointTlsSchema, 'IEntrypointTls'],
  [forwardAuthSchema, 'IForwardAuthOptions'],
  [headerMatchSchema, 'IHeaderMatch'],
  [healthSchema, 'IHealthOptions'],
  [httpLimitsSchema, 'IHttpLimits'],
  [httpTimeoutsSchema, 'IHttpTimeouts'],
  [logSchema, 'ILogOptions'],
  [pathMatchSchema, 'IPathMatch'],
  [redirectSchema, 'IRedirect'],
  [requestHeaderChangesSchema, 'IHeaderChanges'],
  [responseHeaderChangesSchema, 'IResponseHeaderChanges'],
  [retrySchema, 'IRetryOptions'],
  [routeSchema, 'RouteConfig'],
  [stickySchema, 'IStickyOptions'],
  [webSchema, 'IWebOptions'],
  [accessRulesSchema, 'IAccessRules'],
  [accessSchema, 'IAccessOptions'],
  [addressListSchema, 'IAddressListOptions'],
  [bandwidthSchema, 'IBandwidth'],
  [connectionRateSchema, 'IConnectionRate'],
  [domainConfigSchema, 'IDomainConfig'],
  [portRangeSchema, 'TPortRange'],
  [proxyProtocolSchema, 'IProxyProtocol'],
  [rateLimitSchema, 'IRateLimit'],
  [tcpAddressSchema, 'ITcpAddress'],
  [tcpBackendSchema, 'TTcpBackendInput'],
  [tcpEntrySchema, 'IPortProxySettings'],
  [tcpTimeoutsSchema, 'ITcpTimeouts'],
  [toPortSchema, 'TToPort'],
  [udpSchema, 'IUdpOptions'],
  [dnsHttpsSchema, 'IDnsHttpsOptions'],
  [dnsLimitsSchema, 'IDnsLimits'],
  [dnsListenerSchema, 'IDnsListenerOptions'],
  [dnsRateLimitSchema, 'IDnsRateLimit'],
  [dnsResolverSchema, 'IDnsResolverOptions'],
  [dnsSchema, 'IDnsOptions'],
  [dnssecSchema, 'IDnssecOptions'],
  [dnsViewSchema, 'IDnsViewOptions'],
  [healthMemberSchema, 'IHealthMember'],
  [healthRecordsSchema, 'IHealthRecords'],
  [tsigKeySchema, 'ITsigKeyOptions'],
  [updateRuleSchema, 'IUpdateRule'],
  [zonePeerSchema, 'IZonePeer'],
  [zoneRecordSchema, 'IZoneRecord'],
  [zoneSchema, 'IZoneOptions'],
];

/** Types whose fields are documented with another one, whose fields they share. */
const sharedFields: Readonly<Record<string, string>> = {
  IResponseHeaderChanges: 'IHeaderChanges',
  IPortProxySettings: 'ITcpAction',
  IDomainConfig: 'ITcpAction',
  TTcpBackendInput: 'Backend',
};

/**
 * The JSON Schema (draft 2020-12) of `dcrouter.yaml`, for editors and other tools: generated from
 * the schemas that the router itself applies, with the descriptions of the public types.
 *
 * It is a net with wider meshes: what only code can check (host names, regular expressions,
 * references between items) passes it. Numbers and booleans may also be written `${NAME}`.
 */
export function jsonSchema(): TJsonSchema {
  const schema = dataSchema();
  allowVariables(schema);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'dcrouter.yaml',
    description: 'Configuration of DcRouter. Keys that begin with "x-" are free for anchors.',
    ...schema,
    patternProperties: { '^x-': {} },
  };
}

/**
 * Descriptions by `Interface.field`, as `scripts/generate-schema.ts` took them from the public
 * types.
 */
export function readDescriptions(): Map<string, IDescription> {
  const entries = descriptions.trim().split(/\n(?=\S)/);
  return new Map(
    entries.map((entry) => {
      const [, name = '', words = ''] = /^([\w.]+): (.*)$/.exec(entry.replace(/\n +/g, ' ')) ?? [];
      const [text = '', standard] = words.split(/ ?@default /);
      return [name, { text, default: standard }];
    }),
  );
}

/** The description of a type, or of a field of it, which may be that of a type it shares it with. */
export function describedAs(
  texts: ReadonlyMap<string, IDescription>,
  path: string,
): IDescription | undefined {
  const [type = '', ...fields] = path.split('.');
  const shared = [sharedFields[type] ?? type, ...fields].join('.');
  return texts.get(path) ?? texts.get(shared);
}

/** The same for data whose variables are filled in: what `parseOptions` is given. */
export function dataSchema(): TJsonSchema {
  const metadata = z.registry<{ id: string }>();
  for (const [schema, id] of named) metadata.add(schema, { id });
  const { $schema, ...schema } = z.toJSONSchema(optionsSchema, { io: 'input', metadata });
  describe(schema, 'IDcRouterOptions', readDescriptions());
  return schema;
}

/** Puts descriptions and plain defaults into a schema and all that it defines. */
function describe(
  schema: TJsonSchema,
  name: string,
  texts: ReadonlyMap<string, IDescription>,
): void {
  for (const [id, definition] of Object.entries(objectOf(schema.$defs))) {
    describe(objectOf(definition), id, texts);
    const text = describedAs(texts, id)?.text;
    if (isObject(definition) && text !== undefined) definition.description = text;
    if (isObject(definition)) delete definition.id;
  }
  for (const branch of branchesOf(schema)) describe(objectOf(branch), name, texts);
  for (const [key, value] of Object.entries(objectOf(schema.properties))) {
    const property = objectOf(value);
    const path = `${name}.${key}`;
    // A field of a map that is a line of its own in the types shares the words for it.
    addText(
      property,
      describedAs(texts, path) ?? (name.includes('.') ? describedAs(texts, name) : undefined),
    );
    describe(property, path, texts);
  }
}

function addText(property: TJsonSchema, description: IDescription | undefined): void {
  if (description === undefined) return;
  const { text, default: standard } = description;
  const value = plainDefault(standard);
  if (value !== undefined) property.default = value;
  const words = value === undefined && standard !== undefined ? `Default: ${standard}.` : '';
  property.description = `${text} ${words}`.trim();
}

function branchesOf(schema: TJsonSchema): unknown[] {
  const { anyOf = [], oneOf = [] } = schema as { anyOf?: unknown[]; oneOf?: unknown[] };
  return [...anyOf, ...oneOf];
}

function plainDefault(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (/^'[^']*'$/.test(text)) return text.slice(1, -1);
  return /^(?:-?[\d.]+|true|false|\[[\d, ]*\])$/.test(text) ? JSON.parse(text) : undefined;
}

/** The environment gives texts, from which the reader makes what the place wants. */
function allowVariables(schema: unknown): void {
  if (!isObject(schema)) return;
  for (const part of [schema.properties, schema.$defs]) {
    for (const child of Object.values(objectOf(part))) allowVariables(child);
  }
  for (const part of [schema.items, schema.additionalProperties, ...branchesOf(schema)]) {
    allowVariables(part);
  }
  const { type } = schema;
  if (type !== 'integer' && type !== 'number' && type !== 'boolean') return;
  const { description, default: standard, ...plain } = schema;
  for (const key of Object.keys(plain)) delete schema[key];
  schema.anyOf = [plain, { type: 'string', pattern: '^\\$\\{[^}]*\\}$' }];
}

function objectOf(value: unknown): TJsonSchema {
  return isObject(value) ? value : {};
}
