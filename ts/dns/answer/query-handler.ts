/** How a query came. */
export type TDnsTransport = 'udp' | 'tcp' | 'tls' | 'https';

/** Who asks. One object may serve many queries: it says something only during the call. */
export interface IDnsClient {
  /** IP address in normal form (`canonicalIp`). */
  readonly address: string;
  readonly transport: TDnsTransport;
}

/** Facts about the answer that was written last, for counters and limits. */
export interface IReplyFacts {
  /** All 12 bits, those of EDNS included. */
  readonly rcode: number;
  /** The client has shown by a cookie that the address is its own (RFC 7873): no rate limit. */
  readonly isProven: boolean;
  /** Where the question ends: of an answer cut down to nothing this remains, */
  readonly questionEnd: number;
  /** and what begins here, which is the OPT record, or nothing. */
  readonly optStart: number;
}

/** The query wants more than one message, or what is not known at once: see `stream`. */
export const streamed = -1;

/** What a server asks for its answers: an `Answerer`, or one that chooses among several. */
export interface IQueryHandler {
  /**
   * Writes the answer to `out`; never throws for what a query is.
   *
   * @param query one whole message. Nobody keeps it.
   * @param out room for 65,535 bytes, or for UDP for as many as the largest answer.
   * @returns bytes of the answer; 0: there is none; `streamed`: `stream` has it.
   */
  answer(query: Buffer, client: IDnsClient, out: Buffer): number;
  /** About what `answer` wrote last, when that was above 0. */
  readonly reply: IReplyFacts;
  /**
   * The messages that answer a query, in order; by UDP only the first one is sent. It may throw
   * when the connection is to be closed.
   *
   * @param query for which `answer` said `streamed`; it belongs to the handler now.
   */
  stream(query: Buffer, client: IDnsClient): AsyncIterable<Buffer>;
}
