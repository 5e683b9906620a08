/**
 * Changes of zones by their clients: RFC 2136.
 *
 * An update goes: zone section → may this client anything (`update-policy.ts`) → prerequisites
 * (`prerequisites.ts`) → are the records well-formed and allowed → the changes one by one
 * (`update-records.ts`) on a draft (`zone-draft.ts`) → stored and answered for by the book.
 */
export {
  type IUpdateClient,
  type IUpdateOutcome,
  type IUpdateParts,
  UpdateHandler,
} from './update-handler.ts';
export { type IUpdateGrant, UpdatePolicy } from './update-policy.ts';
