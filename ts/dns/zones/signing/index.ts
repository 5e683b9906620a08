/**
 * DNSSEC of hosted zones: keys and their rollovers, kept encrypted in the store; a signer for each
 * zone; what the parent says of the DS.
 *
 * `ZoneSigning` is the stage behind expansion: the zone book asks it how a zone is signed
 * (`prepare`, `apply`) and is told when that changes. Threads sign with a copy (`copySigner`).
 */
export { keySecretFile } from './key-secret.ts';
export { type IKeyVaultParts, type IVaultEntry, KeyVault, keyCollection } from './key-vault.ts';
export {
  copySigner,
  type IKeyCopy,
  type ISignerCopy,
  signerOf,
  signingKeysOf,
} from './signer-replica.ts';
export { type ISigningParts, ZoneSigning } from './zone-signing.ts';
