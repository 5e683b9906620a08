import type { IClock } from '../../core/clock.ts';
import type { CidrSet } from '../../net/cidr.ts';
import type { IMessage } from '../codec/message.ts';
import { isSubdomain, nameKey, type TName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import { addressOf } from './address.ts';
import type { IWork } from './answer.ts';
import type { IDelegation } from './delegations.ts';
import type { IStep } from './minimiser.ts';
import type { QueryClient, TServerReply } from './query-client.ts';
import type { TRandom } from './random.ts';
import { authorityAt } from './root-hints.ts';
import { readFinding, type TFinding } from './scrub.ts';
import type { ServerTable } from './server-table.ts';
import { tell } from './trace.ts';
import { type IServer, serverKey } from './transport.ts';

/** What asking the servers of a zone needs. */
export interface IZoneQueryParts {
  readonly client: QueryClient;
  readonly servers: ServerTable;
  readonly random: TRandom;
  readonly clock: IClock;
  readonly ipv6: boolean;
  readonly neverAsk: CidrSet;
  /** Whether DNSSEC records are wanted. */
  readonly dnssecOk: boolean;
}

/** What a server of the zone said. */
export interface IZoneReply {
  readonly finding: Exclude<TFinding, { kind: 'lame' }>;
  readonly message: IMessage;
  readonly server: IServer;
}

/** Queries for one step. */
const attemptsMax = 12;
/** Queries in one step to a server that does not answer: another one is more promising. */
const attemptsPerServer = 2;
/** And when there is only that one. */
const attemptsAlone = 3;
/** Servers that make nothing of a hidden question, until the whole one is asked. */
const confusedMax = 2;
/** Name servers whose addresses are not found, until a delegation is given up (NXNSAttack). */
const missingMax = 5;

/**
 * One question to the servers of one zone: asks them, the best one first, until one gives an answer
 * that is of use. Servers without glue are looked up only when those with an address fail.
 */
export class ZoneQuery {
  private readonly parts: IZoneQueryParts;
  private readonly delegation: IDelegation;
  private readonly zoneKey: string;
  private readonly step: IStep;
  private readonly work: IWork;
  private readonly servers: IServer[];
  /** Name servers whose addresses are not known. */
  private readonly unknown: TName[];
  private readonly tried = new Set<string>();
  private readonly attempts = new Map<string, number>();
  private missing = 0;

  constructor(parts: IZoneQueryParts, delegation: IDelegation, step: IStep, work: IWork) {
    this.parts = parts;
    this.delegation = delegation;
    this.zoneKey = nameKey(delegation.zone);
    this.step = step;
    this.work = work;
    this.servers = delegation.servers
      .flatMap(({ glue }) => glue)
      .filter((server) => this.mayAsk(server));
    // One that lies in the zone itself cannot be found without glue.
    this.unknown = delegation.servers
      .filter(({ name, glue }) => glue.length === 0 && !isSubdomain(name, delegation.zone))
      .map(({ name }) => name);
  }

  /**
   * @returns `dead` when no server is of use, or the budget is spent; `confused` when servers do
   * answer, but the hidden question was too much for them.
   */
  async run(): Promise<IZoneReply | 'dead' | 'confused'> {
    let confused = 0;
    for (let attempt = 0; attempt < attemptsMax; ) {
      const server = this.parts.servers.choose(this.servers, this.zoneKey, this.tried);
      if (server === null) {
        if (!(await this.findServers())) break;
        continue;
      }
      attempt++;
      const startMs = this.parts.clock.monotonic();
      const reply = await this.askServer(server);
      if (reply.kind === 'spent') return 'dead';
      if (reply.kind !== 'reply') {
        this.tell(server, startMs, reply.kind === 'failed' ? reply.reason : reply.kind);
        this.failed(server, reply);
        continue;
      }
      const { step, delegation, parts } = this;
      const { message } = reply;
      const finding = readFinding(message, delegation.zone, step.name, step.type, parts.ipv6);
      this.tell(server, startMs, finding.kind === 'lame' ? finding.reason : finding.kind);
      if (finding.kind !== 'lame') return { finding, message, server };
      this.tried.add(serverKey(server));
      // A hidden question may confuse a server that is not lame at all.
      if (step.isFinal) parts.servers.lameFor(server, this.zoneKey);
      else if (++confused >= confusedMax) break;
    }
    return confused > 0 ? 'confused' : 'dead';
  }

  private askServer(server: IServer): Promise<TServerReply> {
    const { name, type } = this.step;
    const flags = { recursionDesired: false, authenticData: false };
    // Whether the answer is validated is our affair: the server gets the same question.
    const query = { name, type, ...flags, checkingDisabled: true, dnssecOk: this.parts.dnssecOk };
    return this.parts.client.ask(server, query, this.work.budget);
  }

  private tell(server: IServer, startMs: number, outcome: string): void {
    const { name, type } = this.step;
    const traced = { zone: this.delegation.zone, server, name, type, startMs };
    tell(this.work, traced, this.parts.clock.monotonic(), outcome);
  }

  private failed(server: IServer, reply: TServerReply): void {
    const key = serverKey(server);
    const attempts = (this.attempts.get(key) ?? 0) + 1;
    this.attempts.set(key, attempts);
    const isAlone = this.servers.length === 1 && this.unknown.length === 0;
    const most = isAlone ? attemptsAlone : attemptsPerServer;
    if (reply.kind === 'failed' || attempts >= most) this.tried.add(key);
  }

  /** Looks up the address of one more name server. @returns false when there is no more to try. */
  private async findServers(): Promise<boolean> {
    const { unknown, parts, work } = this;
    const [name] = unknown.splice(parts.random(Math.max(1, unknown.length)), 1);
    if (name === undefined || this.missing >= missingMax) return false;
    const types = parts.ipv6 ? [recordType.A, recordType.AAAA] : [recordType.A];
    for (const type of types) {
      const { queriesTaken } = work.budget;
      if (!work.budget.takeAddressLookup()) return false;
      // The zone's own signatures protect its data, whoever it comes from.
      const { answer } = await work.lookup({ name, type, checkingDisabled: true });
      // What the cache knows is free.
      if (work.budget.queriesTaken === queriesTaken) work.budget.giveBackAddressLookup();
      const found = answer
        .filter((record) => record.type === type)
        .map(({ rdata }) => authorityAt(addressOf(rdata)))
        .filter((server) => this.mayAsk(server));
      this.servers.push(...found);
      if (found.length > 0) return true;
    }
    this.missing++;
    return true;
  }

  private mayAsk(server: IServer): boolean {
    return !this.parts.neverAsk.contains(server.address);
  }
}
