/**
 * DNS as a part of the router: see `DnsPlane`.
 *
 * A query goes: listener (`listeners.ts`: UDP, TCP, TLS; `doh-service.ts`: HTTPS) → view
 * (`view-handler.ts`, `view-zones.ts`) → `answer` → for clients that may use the resolver also
 * `recursion.ts`. `threads/` does the same by UDP in other threads; what is neither usual nor in a
 * zone comes back from there.
 */
export { DnsPlane, type IDnsPlaneParts } from './dns-plane.ts';
export type * from './types.ts';
