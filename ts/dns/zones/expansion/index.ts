/**
 * What of a zone is not answered as it stands: ALIAS, which stands for the addresses of another
 * name, and records by health, which stand for what lives.
 *
 * `Expansion` is the stage in front of signing. A name goes: our own zones (`own-names.ts`) → the
 * resolver, by TTL (`target-follower.ts`); a record set by health: its backends and their names
 * (`health-set.ts`).
 */
export { Expansion, type IExpansionParts } from './expansion.ts';
