import type { IClock } from '../../core/clock.ts';
import { extendedError, extendedErrors, type IExtendedError } from '../codec/edns.ts';
import type { IMessage, IRecord } from '../codec/message.ts';
import { isSubdomain, rootName, type TName } from '../codec/name.ts';
import { isMetaType, rcode, rcodeName, recordType } from '../codec/types.ts';
import {
  failure,
  type IAnswer,
  type IAnswerSource,
  type IAsked,
  type IWork,
  isUsable,
  type TSecurity,
} from './answer.ts';
import { follow } from './follow.ts';
import type { QueryClient, TServerReply } from './query-client.ts';
import { answerIn, negativeProofs, recordsIn } from './scrub.ts';
import type { ServerTable } from './server-table.ts';
import { tell } from './trace.ts';
import { type IServer, serverKey } from './transport.ts';
import { type IValidator, validated } from './validation.ts';

/** What a forwarder works with. */
export interface IForwarderParts {
  readonly client: QueryClient;
  readonly servers: ServerTable;
  readonly clock: IClock;
  /** Resolvers that recurse; at least one. */
  readonly upstreams: readonly IServer[];
  /** Null: we do not validate. */
  readonly validator: IValidator | null;
  /**
   * Without a validator: whether AD of the upstreams is believed. Only right when the way to them is
   * safe: this machine, TLS, HTTPS (RFC 6840 §5.8, `trust-ad` of resolv.conf). @default false
   */
  readonly trustAd?: boolean;
  /** Whether upstreams are asked in the order given, the next one when one fails or is dead. @default false */
  readonly inOrder?: boolean;
}

/** Queries for a question; upstreams that do not answer are asked twice at most. */
const attemptsMax = 8;
const attemptsPerServer = 2;
/** CNAME and DNAME records that lead to an answer. */
const chainMax = 16;

/** An answer, and where it leads when it is only an alias. */
interface IStepRead {
  readonly answer: IAnswer;
  readonly target: TName | null;
}

const unsupported = { code: extendedError.NOT_SUPPORTED, text: 'no record has this type' };
const spent = { code: extendedError.NO_REACHABLE_AUTHORITY, text: 'out of time or queries' };

/** Answers questions by asking resolvers, the fastest one that works. */
export class Forwarder implements IAnswerSource {
  private readonly parts: IForwarderParts;

  constructor(parts: IForwarderParts) {
    this.parts = parts;
  }

  async answer(asked: IAsked, work: IWork): Promise<IAnswer> {
    const { type } = asked;
    if (isMetaType(type) && type !== recordType.ANY) return failure(unsupported, rcode.NOTIMP);
    const tried = new Set<string>();
    const attempts = new Map<string, number>();
    let last: IAnswer = failure(spent);
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const server = this.choose(tried);
      if (server === null) break;
      const startMs = this.parts.clock.monotonic();
      const traced = { zone: null, server, name: asked.name, type, startMs };
      const reply = await this.ask(server, asked, work);
      if (reply.kind === 'spent') break;
      const read = reply.kind === 'reply' ? this.read(asked, reply.message) : null;
      tell(work, traced, this.parts.clock.monotonic(), outcomeOf(reply, read));
      if (read !== null) return this.finish(asked, read, work);
      last = failureFrom(server, reply);
      const key = serverKey(server);
      const count = (attempts.get(key) ?? 0) + 1;
      attempts.set(key, count);
      // SERVFAIL and the like come again: another one may do better.
      if (count >= attemptsPerServer || reply.kind !== 'timeout') tried.add(key);
    }
    return last;
  }

  private async finish(asked: IAsked, read: IStepRead, work: IWork): Promise<IAnswer> {
    const own = await validated(
      this.parts.validator,
      asked,
      read.answer,
      read.target !== null,
      work,
    );
    if (read.target === null || !isUsable(own)) return own;
    return follow(asked, own, read.target, work);
  }

  private choose(tried: ReadonlySet<string>): IServer | null {
    const { upstreams, servers, inOrder } = this.parts;
    const isNext = (server: IServer) => !tried.has(serverKey(server)) && !servers.isDead(server);
    const next = inOrder ? upstreams.find(isNext) : undefined;
    return next ?? servers.choose(upstreams, '', tried);
  }

  private ask(server: IServer, asked: IAsked, work: IWork) {
    const { client, validator } = this.parts;
    const validates = validator !== null;
    const query = {
      name: asked.name,
      type: asked.type,
      recursionDesired: true,
      // Who validates wants to see what the upstream would withhold.
      checkingDisabled: validates || asked.checkingDisabled,
      authenticData: !validates,
      // Clients that validate for themselves need the signatures, too.
      dnssecOk: true,
    };
    return client.ask(server, query, work.budget);
  }

  /** @returns null when the message is no answer. */
  private read(asked: IAsked, message: IMessage): IStepRead | null {
    if (message.rcode !== rcode.NOERROR && message.rcode !== rcode.NXDOMAIN) return null;
    const answer = recordsIn(message.answer, rootName);
    const authority = recordsIn(message.authority, rootName);
    const records: IRecord[] = [];
    const rest = { security: this.securityOf(message), extendedError: errorOf(message) };
    let { name } = asked;
    for (let count = 0; count < chainMax; count++) {
      const found = answerIn(answer, authority, name, asked.type);
      if (found === null) break;
      records.push(...found.records);
      const own = { rcode: rcode.NOERROR, answer: records, authority: found.authority, ...rest };
      if (found.target === null) return { answer: own, target: null };
      // A validator takes one step at a time.
      if (this.parts.validator !== null) return { answer: own, target: found.target };
      name = found.target;
    }
    const soa = authority.find((record) => {
      return record.type === recordType.SOA && isSubdomain(name, record.name);
    });
    const isReferral = soa === undefined && authority.some(({ type }) => type === recordType.NS);
    if (records.length === 0 && (answer.length > 0 || isReferral)) return null;
    const proofs = soa === undefined ? [] : negativeProofs(authority, soa);
    const negative = { rcode: message.rcode, answer: records, authority: proofs, ...rest };
    return { answer: negative, target: null };
  }

  private securityOf(message: IMessage): TSecurity {
    const isSecure = this.parts.trustAd === true && message.authenticatedData;
    return isSecure ? 'secure' : 'unchecked';
  }
}

function errorOf(message: IMessage): IExtendedError | null {
  return extendedErrors(message.edns)[0] ?? null;
}

function outcomeOf(reply: TServerReply, read: IStepRead | null): string {
  if (reply.kind === 'failed') return reply.reason;
  if (reply.kind !== 'reply') return reply.kind;
  const code = rcodeName(reply.message.rcode);
  if (read === null) return `${code}, which is no answer`;
  if (reply.message.rcode === rcode.NXDOMAIN) return 'nxdomain';
  return read.answer.answer.length === 0 ? 'nodata' : 'answer';
}

/** Why a server was of no use. */
function failureFrom(server: IServer, reply: TServerReply): IAnswer {
  if (reply.kind === 'reply') {
    const code = reply.message.rcode;
    const isNonsense = code === rcode.NOERROR || code === rcode.NXDOMAIN;
    return failure(errorOf(reply.message), isNonsense ? rcode.SERVFAIL : code);
  }
  const reason = reply.kind === 'failed' ? reply.reason : 'no answer in time';
  const code = extendedError.NO_REACHABLE_AUTHORITY;
  return failure({ code, text: `${server.address}: ${reason}` });
}
