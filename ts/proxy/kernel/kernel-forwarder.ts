import { randomBytes } from 'node:crypto';
import type { IPortProxySettings } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import { escapeControls } from '../../core/text.ts';
import { AddressLists } from '../../net/address-list.ts';
import { hostObstacle, type IKernelHost, machine } from './kernel-host.ts';
import { compileKernel, type IKernelPlan, kernelObstacles } from './kernel-plan.ts';
import { type INftOutcome, runNft, type TRunNft } from './nft.ts';
import {
  counterName,
  type IEntryBlock,
  type IKernelCount,
  kernelTable,
  removalOf,
  rulesetOf,
  type TKernelCounter,
} from './ruleset.ts';

/** What the kernel can do for us; `reason` says why not. */
export interface IKernelAvailability {
  usable: boolean;
  reason?: string;
}

/** What an entry's rules have counted since it was first applied by this process. */
export interface IKernelCounters {
  /** Packets of both directions. */
  packets: number;
  /** Bytes of both directions, with IP headers. */
  bytes: number;
  bytesIn: number;
  bytesOut: number;
  /** Connections (UDP: flows) that were sent on. */
  connections: number;
  /** First packets that were dropped because of a limit or an access rule. */
  refused: number;
}

/** What a kernel forwarder works with. */
export interface IKernelForwarderParts {
  logger: ILogger;
  clock: IClock;
  /** For `@name` in access rules. @default none */
  lists?: AddressLists;
  /** @default the machine's nft */
  run?: TRunNft;
  /** @default this machine */
  host?: IKernelHost;
}

/** The kernel's way of forwarding, as the TCP plane uses it. */
export type IKernelForwarder = Pick<
  KernelForwarder,
  'available' | 'check' | 'apply' | 'refresh' | 'counters' | 'clear'
>;

/** Milliseconds for which an answer of `available()` holds. */
const availabilityMs = 10_000;

const listCounters = ['--json', 'list', 'counters', 'table', ...kernelTable.split(' ')];

const ownerPattern = /^owner_(\d+)_(\d+)_[0-9a-f]+$/;

/**
 * Forwards entries by nftables rules in the table `inet dcrouter`.
 *
 * One per machine (network namespace): the table is replaced as a whole, by one transaction, and the
 * last one to do so owns it. Its packets pass while the process is away, also after a crash, until the
 * next start applies or clears. Established connections keep their way whatever changes.
 *
 * Calls run one after the other; nothing here is on the path of a packet.
 */
export class KernelForwarder {
  private readonly logger: ILogger;
  private readonly clock: IClock;
  private readonly lists: AddressLists;
  private readonly run: TRunNft;
  private readonly host: IKernelHost;
  /** Names us in the table: process, its start, and which forwarder of it. */
  private readonly owner: string;
  private plans: readonly IKernelPlan[] = [];
  /** What our table holds; null: we have none. */
  private blocks: readonly IEntryBlock[] | null = null;
  private revision = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private known: { answer: IKernelAvailability; until: number } | null = null;

  constructor({ logger, clock, lists, run, host = machine }: IKernelForwarderParts) {
    this.logger = logger;
    this.clock = clock;
    this.lists = lists ?? new AddressLists();
    this.run = run ?? runNft;
    this.host = host;
    const start = host.startOf(process.pid) ?? '0';
    this.owner = `owner_${process.pid}_${start}_${randomBytes(4).toString('hex')}`;
  }

  /**
   * Whether nft is there, the right to use it, and a kernel that knows all that rules need. Changes
   * nothing. Never rejects.
   */
  async available(): Promise<IKernelAvailability> {
    const now = this.clock.monotonic();
    if (this.known !== null && now < this.known.until) return this.known.answer;
    const answer = await this.probe();
    this.known = { answer, until: now + availabilityMs };
    if (!answer.usable)
      this.logger.debug('kernel.unavailable', 'nftables cannot be used', { ...answer });
    return answer;
  }

  /**
   * Whether this entry can be forwarded by the kernel: its options, nftables (`available()`), and
   * the machine's settings such as `ip_forward`, which are never changed here. Never rejects.
   */
  async check(entry: IPortProxySettings): Promise<IKernelAvailability> {
    const obstacles = kernelObstacles(entry);
    if (obstacles.length > 0) return { usable: false, reason: obstacles.join('; ') };
    const answer = await this.available();
    if (!answer.usable) return answer;
    const reason = hostObstacle(compileKernel(entry), this.host);
    return reason === undefined ? { usable: true } : { usable: false, reason };
  }

  /**
   * Makes the table hold these entries and nothing else, at once; without entries it goes. Those that
   * are switched off are left out. Entries that did not change are not touched, and the counters of
   * those that did go on.
   *
   * @throws DcError `TCP_INVALID` for an entry that rules cannot say, `LISTEN_FAILED` when nft
   *   refuses; the rules from before stay in force then.
   */
  async apply(entries: readonly IPortProxySettings[]): Promise<void> {
    const plans = entries.filter(({ enabled }) => enabled !== false).map(compileKernel);
    return this.inTurn(() => (plans.length === 0 ? this.remove() : this.install(plans)));
  }

  /** Applies again when an address list has changed since. @throws as `apply()` */
  async refresh(): Promise<void> {
    return this.inTurn(async () => {
      const usesLists = this.plans.some(({ allow, deny }) => [...allow, ...deny].some(isListed));
      if (usesLists && this.revision !== this.lists.revision) await this.install(this.plans);
    });
  }

  /**
   * Reads the counters, by the entries' ids. Where somebody has deleted the table meanwhile (a
   * firewall's reload does), that is logged and it is installed again. Where another process owns it
   * by now (it has taken over from us), nothing is counted and nothing is touched.
   *
   * @throws DcError `LISTEN_FAILED` when nft fails.
   */
  async counters(): Promise<Map<string, IKernelCounters>> {
    return this.inTurn(async () => {
      if (this.plans.length === 0) return new Map();
      const found = await this.readCounts();
      if (found.size === 0) {
        const message = 'The nftables rules are gone: installing them again';
        this.logger.warn('kernel.failed', message, { table: kernelTable });
        await this.install(this.plans);
      }
      const counts = found.has(this.owner) ? found : noCounts;
      return new Map(this.plans.map(({ id }) => [id, countersOf(id, counts)]));
    });
  }

  /**
   * Deletes the table if it is ours, or of a process that is no more: at stop, and at the start for
   * what a killed process left. One that a living process owns is left alone.
   *
   * Without nft, or without the right, there is nothing of ours to delete: then nothing happens.
   *
   * @throws DcError `LISTEN_FAILED` when nft fails in another way.
   */
  async clear(): Promise<void> {
    return this.inTurn(() => this.remove());
  }

  private async probe(): Promise<IKernelAvailability> {
    try {
      // Some systems have an nft that does not speak JSON.
      const listed = await this.run(listCounters, '');
      if (listed.code !== 0 && !isMissing(listed)) {
        return { usable: false, reason: refusalOf(listed) };
      }
      const { owner, lists } = this;
      const sample = rulesetOf({ owner, plans: samples, lists, before: null });
      const outcome = await this.run(['--check', '--file', '-'], sample.text);
      if (outcome.code === 0) return { usable: true };
      return { usable: false, reason: refusalOf(outcome) };
    } catch (error) {
      return { usable: false, reason: startFailure(error as NodeJS.ErrnoException) };
    }
  }

  private async install(plans: readonly IKernelPlan[]): Promise<void> {
    const { owner, lists } = this;
    const { revision } = lists;
    let ruleset = rulesetOf({ owner, plans, lists, before: this.blocks });
    let outcome = await this.nft(['--file', '-'], ruleset.text);
    if (this.blocks !== null && isMissing(outcome)) {
      // Somebody has deleted or replaced the table: nothing has changed, and nothing is left to go on.
      ruleset = rulesetOf({ owner, plans, lists, before: null });
      outcome = await this.nft(['--file', '-'], ruleset.text);
    }
    if (outcome.code !== 0) throw failure(`install the nftables rules: ${refusalOf(outcome)}`);
    this.plans = plans;
    this.blocks = ruleset.blocks;
    this.revision = revision;
    const entries = plans.map(({ id }) => id);
    this.logger.info('kernel.applied', 'The kernel forwards', { table: kernelTable, entries });
  }

  private async remove(): Promise<void> {
    let found: ReadonlyMap<string, IKernelCount>;
    try {
      found = await this.readCounts();
    } catch (error) {
      const { usable, reason } = await this.available();
      if (!usable && this.plans.length === 0) {
        this.logger.debug('kernel.unavailable', 'nftables cannot be used', { reason });
        return;
      }
      throw error;
    }
    this.plans = [];
    this.blocks = null;
    const owner = [...found.keys()].find((name) => ownerPattern.test(name));
    if (owner === undefined) return;
    if (owner !== this.owner && this.isAlive(owner)) {
      const message = 'Another process owns the nftables rules: they stay';
      this.logger.warn('kernel.failed', message, { table: kernelTable, owner });
      return;
    }
    // The transaction does nothing when a new owner has come between.
    const outcome = await this.nft(['--file', '-'], removalOf(owner));
    if (outcome.code !== 0 && !isMissing(outcome)) {
      throw failure(`delete the nftables rules: ${refusalOf(outcome)}`);
    }
    const message = 'The nftables rules are deleted';
    this.logger.info('kernel.applied', message, { table: kernelTable, entries: [] });
  }

  private isAlive(owner: string): boolean {
    const [, pid, start] = ownerPattern.exec(owner) ?? [];
    return this.host.startOf(Number(pid)) === start;
  }

  /** Every counter of the table by its name; none when there is no table. */
  private async readCounts(): Promise<ReadonlyMap<string, IKernelCount>> {
    const outcome = await this.nft(listCounters, '');
    if (outcome.code === 0) return parseCounts(outcome.stdout);
    if (isMissing(outcome)) return noCounts;
    throw failure(`read the nftables counters: ${refusalOf(outcome)}`);
  }

  private async nft(args: readonly string[], input: string): Promise<INftOutcome> {
    try {
      return await this.run(args, input);
    } catch (cause) {
      throw failure(`run nft: ${startFailure(cause as NodeJS.ErrnoException)}`, cause);
    }
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.turn.then(task);
    // Whoever called learns of a failure; the next one in the queue only waits for the end.
    const ended = () => undefined;
    this.turn = result.then(ended, ended);
    return result;
  }
}

/** Nothing counted. */
const noCounts: ReadonlyMap<string, IKernelCount> = new Map();

/** Asks for everything that rules can need. */
const samples: readonly IKernelPlan[] = [
  {
    id: 'sample',
    protocol: 'tcp',
    address: null,
    groups: [
      {
        ports: [{ from: 1, to: 2 }],
        targets: [
          { family: 4, ip: '192.0.2.1', port: 1, weight: 1 },
          { family: 4, ip: '192.0.2.2', port: 2, weight: 2 },
          { family: 6, ip: '2001:db8::1', port: 1, weight: 1 },
        ],
      },
    ],
    allow: [],
    deny: ['192.0.2.0/24'],
    connectionsMax: 1,
    connectionsPerClientMax: 1,
    rate: { connections: 1 },
  },
];

function isListed(entry: string): boolean {
  return entry.startsWith('@');
}

function countersOf(id: string, found: ReadonlyMap<string, IKernelCount>): IKernelCounters {
  const count = (counter: TKernelCounter): IKernelCount =>
    found.get(counterName(id, counter)) ?? { packets: 0, bytes: 0 };
  const [received, sent] = [count('in'), count('out')];
  return {
    packets: received.packets + sent.packets,
    bytes: received.bytes + sent.bytes,
    bytesIn: received.bytes,
    bytesOut: sent.bytes,
    connections: count('new').packets,
    refused: count('refused').packets,
  };
}

function parseCounts(text: string): Map<string, IKernelCount> {
  const found = new Map<string, IKernelCount>();
  try {
    const { nftables } = JSON.parse(text) as { nftables: { counter?: INamedCount }[] };
    for (const { counter } of nftables) {
      if (counter !== undefined) found.set(counter.name, counter);
    }
  } catch (cause) {
    throw failure('read the nftables counters: nft does not answer in JSON', cause);
  }
  return found;
}

interface INamedCount extends IKernelCount {
  name: string;
}

function isMissing({ code, stderr }: INftOutcome): boolean {
  return code !== 0 && stderr.includes('No such file or directory');
}

function refusalOf({ code, stderr }: INftOutcome): string {
  if (/Operation not permitted|must be root/.test(stderr)) {
    return 'the right to change rules is missing (CAP_NET_ADMIN)';
  }
  const [first = ''] = stderr.split('\n').filter((line) => line.trim() !== '');
  return first === '' ? `nft ended with ${code}` : escapeControls(first.slice(0, 300));
}

function startFailure(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'nft is not installed (package nftables)';
  return error.message;
}

function failure(what: string, cause?: unknown): DcError {
  return new DcError('LISTEN_FAILED', `Cannot ${what}`, { cause });
}
