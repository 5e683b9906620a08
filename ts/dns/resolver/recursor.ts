import type { IClock } from '../../core/clock.ts';
import { CidrSet } from '../../net/cidr.ts';
import { extendedError } from '../codec/edns.ts';
import { equalNames, nameKey, parentOf, parseName, rootName, type TName } from '../codec/name.ts';
import { isMetaType, rcode, recordType } from '../codec/types.ts';
import {
  failure,
  type IAnswer,
  type IAnswerSource,
  type IAsked,
  type IWork,
  isUsable,
} from './answer.ts';
import { Delegations, type IDelegation } from './delegations.ts';
import { follow } from './follow.ts';
import { type IStep, Minimiser } from './minimiser.ts';
import type { QueryClient } from './query-client.ts';
import type { TRandom } from './random.ts';
import { authorityAt, rootHints } from './root-hints.ts';
import { serversOf, type TFinding } from './scrub.ts';
import type { ServerTable } from './server-table.ts';
import type { IServer } from './transport.ts';
import { type IValidator, validated } from './validation.ts';
import { type IZoneReply, ZoneQuery } from './zone-query.ts';

/** What a recursor works with. */
export interface IRecursorParts {
  readonly client: QueryClient;
  readonly servers: ServerTable;
  readonly clock: IClock;
  readonly random: TRandom;
  /** Null: nothing is validated. */
  readonly validator: IValidator | null;
  /** Whether servers are asked at their IPv6 addresses too. @default false */
  readonly ipv6?: boolean;
  /** Whether names are minimised: RFC 9156. @default true */
  readonly minimises?: boolean;
  /** The root's servers, by name, with addresses. @default IANA's */
  readonly hints?: typeof rootHints;
  /** Addresses that no zone may send us to. @default `neverAskDefault` */
  readonly neverAsk?: readonly string[];
}

/** This machine, no machine, and many machines: no name server of a zone is there. */
export const neverAskDefault: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
];

/** Zones on the way down, and hidden questions in between. */
const stepsMax = 40;
/** Until the root is primed again after it did not work. */
const hintsSeconds = 60;

/** What a server of a zone had on the question. */
interface IFound {
  readonly finding: Extract<TFinding, { kind: 'answer' | 'nodata' | 'nxdomain' }>;
  readonly zone: TName;
  readonly server: IServer;
}

/** The answer up to the first alias, and where that leads. */
interface IStepAnswer {
  readonly own: IAnswer;
  readonly target: TName | null;
  /** Whose answer it is; null: there is none. */
  readonly server: IServer | null;
}

const noDs = { kind: 'nodata', authority: [] } as const;

const unsupported = { code: extendedError.NOT_SUPPORTED, text: 'no record has this type' };
const unreachable = { code: extendedError.NO_REACHABLE_AUTHORITY, text: '' };

/**
 * Answers questions from the root down, by asking the servers of each zone (RFC 1034 §5.3.3).
 *
 * Believes a server what lies in its zone and was asked for (see `readFinding`), follows an alias by
 * a look-up of its own, and stops when the budget of the question is spent.
 */
export class Recursor implements IAnswerSource {
  private readonly parts: IRecursorParts;
  private readonly delegations: Delegations;
  private readonly hints: IDelegation;
  private readonly neverAsk: CidrSet;
  private priming: Promise<IDelegation> | null = null;

  constructor(parts: IRecursorParts) {
    this.parts = parts;
    this.delegations = new Delegations(parts.clock);
    this.neverAsk = new CidrSet([...(parts.neverAsk ?? neverAskDefault)]);
    this.hints = hintsOf(parts.hints ?? rootHints, parts.ipv6 === true);
  }

  /** Forgets which servers serve a zone, with those below it when asked; null: any zone. */
  flush(zone: TName | null, withSubdomains: boolean): void {
    if (zone === null) this.delegations.clear();
    else if (withSubdomains) this.delegations.forgetBelow(zone);
    else this.delegations.forget(zone);
  }

  async answer(asked: IAsked, work: IWork): Promise<IAnswer> {
    const { type } = asked;
    if (isMetaType(type) && type !== recordType.ANY) return failure(unsupported, rcode.NOTIMP);
    const first = await this.step(asked, work);
    // One server of several may be broken, or somebody lies in its name: RFC 4035 §4.7, RFC 6840 §5.
    const isBogus = first.server !== null && !isUsable(first.own);
    const { own, target } = isBogus ? await this.step(asked, work) : first;
    return target === null || !isUsable(own) ? own : follow(asked, own, target, work);
  }

  /** Finds and validates the answer, up to the first alias. */
  private async step(asked: IAsked, work: IWork): Promise<IStepAnswer> {
    const found = await this.descend(asked, work);
    if (found === null) return { own: failure(unreachable), target: null, server: null };
    const { finding, zone, server } = found;
    const answer: IAnswer = {
      rcode: finding.kind === 'nxdomain' ? rcode.NXDOMAIN : rcode.NOERROR,
      answer: finding.kind === 'answer' ? finding.records : [],
      authority: finding.authority,
      security: 'unchecked',
      extendedError: null,
    };
    const target = finding.kind === 'answer' ? finding.target : null;
    const own = await validated(this.parts.validator, asked, answer, target !== null, work);
    if (!isUsable(own)) this.parts.servers.lameFor(server, nameKey(zone));
    return { own, target, server };
  }

  /** Goes from the closest zone that is known down to the one that has the answer. */
  private async descend(asked: IAsked, work: IWork): Promise<IFound | null> {
    // RFC 4035 §3.1.4.1: DS records are at the parent's side of the cut.
    const isDs = asked.type === recordType.DS;
    const from = isDs ? (parentOf(asked.name) ?? rootName) : asked.name;
    const known = this.delegations.closest(from);
    const found = await this.descendFrom(known ?? (await this.prime(work)), asked, work);
    const isFinal = known === null || known.zone.length === 1 || work.budget.leftMs() === 0;
    if (found !== null || isFinal) return found;
    // What was remembered may be outdated: once more, from one zone further up.
    this.delegations.forget(known.zone);
    const above = this.delegations.closest(from) ?? (await this.prime(work));
    return this.descendFrom(above, asked, work);
  }

  private async descendFrom(
    start: IDelegation,
    asked: IAsked,
    work: IWork,
  ): Promise<IFound | null> {
    const minimiser = new Minimiser(asked.name, asked.type, this.parts.minimises === false);
    let delegation = start;
    for (let count = 0; count < stepsMax; count++) {
      const step = minimiser.next(delegation.zone);
      const reply = await this.ask(delegation, step, work);
      if (reply === 'dead' || (reply === 'confused' && step.isFinal)) return null;
      if (reply === 'confused') {
        minimiser.giveUp();
        continue;
      }
      const { finding, server } = reply;
      if (finding.kind === 'referral') {
        // A parent that does not know DS refers to the child, where there is none.
        const isCut = asked.type === recordType.DS && equalNames(finding.zone, asked.name);
        if (isCut) return { finding: noDs, zone: delegation.zone, server };
        delegation = this.delegations.store(finding.zone, finding.servers, finding.ttlSeconds);
        minimiser.advance({ ...step, name: finding.zone });
      } else if (step.isFinal) {
        return { finding, zone: delegation.zone, server };
      } else if (finding.kind === 'nxdomain') {
        // Some servers say so for empty non-terminals (RFC 9156 §2.1): they get the whole name.
        minimiser.giveUp();
      } else {
        minimiser.advance(step);
      }
    }
    return null;
  }

  private ask(
    delegation: IDelegation,
    step: IStep,
    work: IWork,
  ): Promise<IZoneReply | 'dead' | 'confused'> {
    const { client, servers, random, clock, validator, ipv6 = false } = this.parts;
    const dnssecOk = validator !== null;
    const { neverAsk } = this;
    const parts = { client, servers, random, clock, ipv6, neverAsk, dnssecOk };
    return new ZoneQuery(parts, delegation, step, work).run();
  }

  /** Asks the servers of the hints who serves the root (RFC 9609); else the hints have to do. */
  private prime(work: IWork): Promise<IDelegation> {
    this.priming ??= this.askForRoot(work).finally(() => {
      this.priming = null;
    });
    return this.priming;
  }

  private async askForRoot(work: IWork): Promise<IDelegation> {
    const step: IStep = { name: rootName, type: recordType.NS, isFinal: true };
    const reply = await this.ask(this.hints, step, work);
    if (typeof reply === 'string' || reply.finding.kind !== 'answer') {
      return this.delegations.store(rootName, this.hints.servers, hintsSeconds);
    }
    const { ipv6 = false } = this.parts;
    const records = reply.finding.records.filter(({ type }) => type === recordType.NS);
    const servers = serversOf(records, reply.message, rootName, ipv6).map((server) => {
      if (server.glue.length > 0) return server;
      // The answer need not have all addresses (RFC 9609 §4.2).
      const hint = this.hints.servers.find(({ name }) => equalNames(name, server.name));
      return hint ?? server;
    });
    const ttl = Math.min(...records.map((record) => record.ttl));
    return this.delegations.store(rootName, servers, ttl);
  }
}

function hintsOf(hints: typeof rootHints, ipv6: boolean): IDelegation {
  const servers = hints.map(([name, ...addresses]) => ({
    name: parseName(name),
    glue: addresses.filter((address) => ipv6 || !address.includes(':')).map(authorityAt),
  }));
  return { zone: rootName, servers, expiresMs: Number.POSITIVE_INFINITY };
}
