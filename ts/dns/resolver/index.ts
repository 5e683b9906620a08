/**
 * The resolver: turns names into records, for the proxy's backends, mail and ACME, and, when asked
 * to, for clients.
 *
 * A question goes: hosts file and special names (`resolver.ts`) → cache (`caching-resolver.ts`,
 * `cache.ts`) → a source of answers: the recursor, the forwarder or the system's servers → the query
 * client, which knows how to ask one server → the transport, which is the network.
 */
export type { IAnswer, IAsked, ITraceStep, TSecurity, TTrace } from './answer.ts';
export type { IBudgetLimits } from './budget.ts';
export type { AnswerCache, ICacheEntry, ICacheLimits, ICacheNumbers } from './cache.ts';
export type { CachingResolver, ILookupResult } from './caching-resolver.ts';
export {
  createResolver,
  type IOwnedResolver,
  type IResolverOptions,
  type TResolverMode,
} from './create-resolver.ts';
export { hasPublicIpv6, type INodeTransportOptions, NodeTransport } from './node-transport.ts';
export { writePackedAnswer } from './packed-answer.ts';
export type {
  IResolution,
  IResolvedRecord,
  IResolveOptions,
  IResolver,
  Resolver,
  TOwnZones,
} from './resolver.ts';
export type { IServerRecord } from './server-table.ts';
export type { IServer, ITransport, TServerProtocol } from './transport.ts';
export type { IToValidate, IValidator, IVerdict, TKeyLookup } from './validation.ts';
