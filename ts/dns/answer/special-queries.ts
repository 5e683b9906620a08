import type { IMessage } from '../codec/message.ts';
import type { IDnsClient } from './query-handler.ts';

/** Transfers, notifications, updates and whatever is signed: all that zones alone do not answer. */
export interface ISpecialQueries {
  /**
   * Whether a query is theirs: asked for every one with another opcode than QUERY, of type AXFR or
   * IXFR, or with a TSIG record. What nobody takes is refused.
   */
  takes(query: IMessage, client: IDnsClient): boolean;
  /** The answer in messages; none: nothing is sent. @param bytes of the query. */
  answer(query: IMessage, bytes: Buffer, client: IDnsClient): AsyncIterable<Buffer>;
}
