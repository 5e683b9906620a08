/**
 * Configuration: what a DcRouter can be told, from text to frozen data.
 *
 * `loadConfigFile` turns a file into data, with the environment and other files filled in;
 * `parseOptions` checks the data and reports every problem together; `LayeredItems` puts what the
 * API changes over it.
 */
export * from './defaults.ts';
export * from './diff.ts';
export { checkZoneNames, type IDnsNames } from './dns-checks.ts';
export { type IDnsServer, isDnsServer, readDnsServer } from './dns-server-text.ts';
export * from './file.ts';
export type { IFinding } from './issues.ts';
export { jsonSchema } from './json-schema.ts';
export * from './layers.ts';
export { checkNames, type IDefinedNames } from './name-checks.ts';
export { nearest } from './nearest.ts';
export { formatPath } from './path.ts';
export * from './ports.ts';
export { entriesOf } from './reuse.ts';
export * from './schema.ts';
export { isSecretPath, maskSecrets, SECRET_MASK } from './secrets.ts';
export { type ITcpPlace, type IToPortRule, readToPort } from './tcp-target.ts';
export { zoneIdOf } from './zone-ids.ts';
