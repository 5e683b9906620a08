/**
 * Authoritative answers: from a query's bytes to the answer's.
 *
 * A query goes: read in place (`usual-query.ts`) → kept answers (`answer-cache.ts`) → or else the
 * zones (`zone-set.ts`, `sections.ts`) → bytes. What is not the usual question is decoded first
 * (`answerer.ts`); transfers, updates and notifications belong to an `ISpecialQueries`.
 */
export type { IAnswerCacheLimits } from './answer-cache.ts';
export { Answerer } from './answerer.ts';
export type { IAnswererOptions } from './answerer-options.ts';
export { Draws, type IDraw, type TRandom } from './draws.ts';
export type { IForeignAnswer, IForeignAnswers, IForeignQuestion } from './foreign-answers.ts';
export {
  type IDnsClient,
  type IQueryHandler,
  type IReplyFacts,
  streamed,
  type TDnsTransport,
} from './query-handler.ts';
export { type ISectionOptions, type ISections, sectionsFor } from './sections.ts';
export type { IAnswerSigner } from './signer.ts';
export type { ISpecialQueries } from './special-queries.ts';
export { type IServedZone, type TZoneAbsence, ZoneSet } from './zone-set.ts';
