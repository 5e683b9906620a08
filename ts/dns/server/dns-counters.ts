import type { TDnsTransport } from '../answer/query-handler.ts';
import { rcodeName } from '../codec/types.ts';

/** Extended rcodes that have names go up to here; those above are counted with the last one. */
const rcodesMax = 24;

/** What DNS servers have done since the start. */
export interface IDnsNumbers {
  readonly queries: Readonly<Record<TDnsTransport, number>>;
  /** Answers by the name of their rcode; those that never were are left out. */
  readonly rcodes: Readonly<Record<string, number>>;
  /** Answers with TC, those of the rate limit among them. */
  readonly truncated: number;
  /** Queries without an answer: responses, and what is shorter than a header. */
  readonly dropped: number;
  /** Answers that the rate limit held back, and those that it cut down. */
  readonly rateLimited: number;
  readonly slipped: number;
  /** Datagrams that could not be sent, and faults of ours that were answered SERVFAIL. */
  readonly sendFailures: number;
  readonly faults: number;
}

/** Counts for one or more servers; its fields are raised directly. */
export class DnsCounters {
  readonly queries: Record<TDnsTransport, number> = { udp: 0, tcp: 0, tls: 0, https: 0 };
  truncated = 0;
  dropped = 0;
  rateLimited = 0;
  slipped = 0;
  sendFailures = 0;
  faults = 0;
  private readonly rcodes = new Float64Array(rcodesMax);

  /** An answer with that rcode was sent. */
  answered(rcode: number): void {
    const index = rcode < rcodesMax ? rcode : rcodesMax - 1;
    this.rcodes[index] = (this.rcodes[index] as number) + 1;
  }

  /** What they say now. */
  numbers(): IDnsNumbers {
    const { truncated, dropped, rateLimited, slipped, sendFailures, faults } = this;
    const rcodes: Record<string, number> = {};
    for (const [code, count] of this.rcodes.entries()) {
      if (count > 0) rcodes[rcodeName(code)] = count;
    }
    const counts = { truncated, dropped, rateLimited, slipped, sendFailures, faults };
    return { queries: { ...this.queries }, rcodes, ...counts };
  }
}
