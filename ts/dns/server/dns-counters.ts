import type { TDnsTransport } from '../answer/query-handler.ts';
import { headerBytes } from '../codec/message.ts';
import { rcodeName, recordTypeName } from '../codec/types.ts';
import { questionEndOf } from './replies.ts';
import { TopNames } from './top-names.ts';

/** Extended rcodes that have names go up to here; those above are counted with the last one. */
const rcodesMax = 24;
/** Types up to here are counted one by one, and so are as many others as come first. */
const typesMax = 512;
const rareTypesMax = 256;

/** What DNS servers have done since the start. */
export interface IDnsNumbers {
  readonly queries: Readonly<Record<TDnsTransport, number>>;
  /** Answers by the name of their rcode; those that never were are left out. */
  readonly rcodes: Readonly<Record<string, number>>;
  /** Answers by the type of their question; those that never were are left out. */
  readonly types: Readonly<Record<string, number>>;
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
  readonly top: TopNames;
  private readonly rcodes = new Float64Array(rcodesMax);
  private readonly types = new Float64Array(typesMax);
  private readonly rareTypes = new Map<number, number>();

  /** @param top @default a sample of its own */
  constructor(top: TopNames = new TopNames()) {
    this.top = top;
  }

  /** An answer with that rcode was sent. */
  answered(rcode: number): void {
    const index = rcode < rcodesMax ? rcode : rcodesMax - 1;
    this.rcodes[index] = (this.rcodes[index] as number) + 1;
  }

  /** Counts the question of an answer of ours. @param end where it ends, as `IReplyFacts`. */
  asked(message: Buffer, end: number): void {
    if (end <= headerBytes) return;
    const type = ((message[end - 4] as number) << 8) | (message[end - 3] as number);
    if (type < typesMax) this.types[type] = (this.types[type] as number) + 1;
    else this.askedRare(type);
    if (this.top.isDue()) this.top.add(message, headerBytes, end - 4);
  }

  /** The same for an answer that nobody has the facts of. */
  askedIn(message: Buffer): void {
    this.asked(message, questionEndOf(message));
  }

  /** What they say now. */
  numbers(): IDnsNumbers {
    const { truncated, dropped, rateLimited, slipped, sendFailures, faults } = this;
    const rcodes: Record<string, number> = {};
    for (const [code, count] of this.rcodes.entries()) {
      if (count > 0) rcodes[rcodeName(code)] = count;
    }
    const types: Record<string, number> = {};
    for (const [type, count] of [...this.types.entries(), ...this.rareTypes]) {
      if (count > 0) types[recordTypeName(type)] = count;
    }
    const counts = { truncated, dropped, rateLimited, slipped, sendFailures, faults };
    return { queries: { ...this.queries }, rcodes, types, ...counts };
  }

  private askedRare(type: number): void {
    const known = this.rareTypes.get(type);
    if (known !== undefined || this.rareTypes.size < rareTypesMax) {
      this.rareTypes.set(type, (known ?? 0) + 1);
    }
  }
}
