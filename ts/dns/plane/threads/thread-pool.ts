import type { IClock, ITimer } from '../../../core/clock.ts';
import { DcError } from '../../../core/errors.ts';
import type { ILogger } from '../../../core/logger.ts';
import type { IPortAddress } from '../../../net/ports.ts';
import type { IServePlan } from '../serve-plan.ts';
import { addCounts, type IThreadCounts, noCounts } from '../stats.ts';
import type { IUdpPort, IUdpPorts } from '../udp-ports.ts';
import type { IViewedZone } from '../view-zones.ts';
import { DnsThread, type IThreadHost } from './dns-thread.ts';
import type { TListTexts } from './messages.ts';

/** What a pool of threads works with. */
export interface IThreadPoolParts {
  /** Threads, at least 1. */
  readonly count: number;
  readonly clock: IClock;
  readonly logger: ILogger;
  /** All zones of now, for a thread that starts. */
  readonly zones: () => Iterable<IViewedZone>;
  readonly answer: IThreadHost['answer'];
  readonly onFault: (error: unknown) => void;
}

/** A port that all threads have. */
interface ISharedPort {
  readonly key: number;
  readonly address: IPortAddress;
  isOpen: boolean;
}

/** A thread that died is started again after so long, and longer each time that it happens soon. */
const restartMsMin = 100;
const restartMsMax = 10_000;
/** A thread that lived that long died for another reason than the one before. */
const steadyMs = 60_000;

/** Threads that answer by UDP, each with sockets of its own; the kernel shares the clients out. */
export class ThreadPool implements IUdpPorts {
  private readonly parts: IThreadPoolParts;
  private readonly threads = new Map<number, DnsThread>();
  private readonly ports = new Map<number, ISharedPort>();
  private readonly restarts = new Map<number, ITimer>();
  /** By thread: when it was started, and how long the next restart waits. */
  private readonly lives = new Map<number, { startedMs: number; delayMs: number }>();
  /** What threads that are gone have counted. */
  private past: IThreadCounts = noCounts;
  private plan: { plan: IServePlan; lists: TListTexts } | null = null;
  private lastKey = 0;
  private isStopped = true;

  constructor(parts: IThreadPoolParts) {
    this.parts = parts;
  }

  /** Starts the threads, unless they run. */
  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    for (let index = 0; index < this.parts.count; index++) this.startThread(index);
  }

  /** Has all threads answer like that. */
  use(plan: IServePlan, lists: TListTexts): void {
    this.plan = { plan, lists };
    for (const thread of this.threads.values()) thread.use(plan, lists);
  }

  /** Lists of addresses are others than before. */
  useLists(lists: TListTexts): void {
    if (this.plan === null) return;
    this.plan = { plan: this.plan.plan, lists };
    for (const thread of this.threads.values()) thread.feed.order({ type: 'lists', lists });
  }

  /** A zone came, or is another one. */
  zone(zone: IViewedZone): void {
    for (const thread of this.threads.values()) thread.zone(zone);
  }

  /** A zone went. */
  removed(id: string): void {
    for (const thread of this.threads.values()) thread.feed.removed(id);
  }

  /** Binds a port in each thread; a thread that is away binds it when it is back. */
  async bind(address: IPortAddress, isLate = false): Promise<IUdpPort> {
    this.start();
    const key = ++this.lastKey;
    const shared: ISharedPort = { key, address, isOpen: false };
    this.ports.set(key, shared);
    const bindings = [...this.threads.values()].map((thread) => thread.bind(key, address, isLate));
    const outcomes = await Promise.allSettled(bindings);
    const bound = outcomes.find((outcome) => outcome.status === 'fulfilled');
    // A thread that ended meanwhile binds it when it is back.
    const failed = outcomes.find(
      (outcome) => outcome.status === 'rejected' && outcome.reason instanceof DcError,
    );
    if (bound === undefined || failed !== undefined) {
      this.closePort(key);
      if (failed?.status === 'rejected') throw failed.reason;
      throw new DcError('LISTEN_FAILED', 'No DNS thread is running');
    }
    const open = (): void => {
      if (shared.isOpen) return;
      shared.isOpen = true;
      // Behind the zones and the plan that are on their way.
      for (const thread of this.threads.values()) thread.feed.order({ type: 'open', key });
    };
    const { address: place, port } = bound.value;
    return { address: place, port, open, close: () => this.closePort(key) };
  }

  closed(): Promise<void> {
    return this.live();
  }

  /** Resolves when every thread has done what the pool was told before. */
  async live(): Promise<void> {
    await Promise.all([...this.threads.values()].map((thread) => thread.synced()));
  }

  /** The threads that run. */
  running(): readonly DnsThread[] {
    return [...this.threads.values()];
  }

  /** What all threads have counted. */
  async collect(): Promise<IThreadCounts> {
    const threads = [...this.threads.values()];
    await Promise.all(threads.map((thread) => thread.count()));
    // One that ended meanwhile is in the past already.
    const running = threads.filter((thread) => this.threads.get(thread.index) === thread);
    return addCounts([this.past, ...running.map(({ counts }) => counts)]);
  }

  /** Ends all threads. Idempotent. */
  async stop(): Promise<void> {
    this.isStopped = true;
    for (const timer of this.restarts.values()) timer.cancel();
    this.restarts.clear();
    await Promise.all([...this.threads.values()].map((thread) => thread.stop()));
    this.ports.clear();
  }

  private startThread(index: number): void {
    const { count, answer, onFault, zones, logger, clock } = this.parts;
    const ended: IThreadHost['ended'] = (gone, failure) => this.ended(gone, failure);
    const thread = new DnsThread(index, count, { answer, fault: onFault, ended });
    this.threads.set(index, thread);
    const delayMs = this.lives.get(index)?.delayMs ?? restartMsMin;
    this.lives.set(index, { startedMs: clock.monotonic(), delayMs });
    for (const zone of zones()) thread.zone(zone);
    if (this.plan !== null) thread.use(this.plan.plan, this.plan.lists);
    for (const { key, address, isOpen } of this.ports.values()) {
      void thread.bind(key, address, false).catch((error) => thread.kill(error));
      if (isOpen) thread.feed.order({ type: 'open', key });
    }
    logger.info('dns.threadStarted', `DNS thread ${index} runs`, { thread: index });
  }

  private ended(thread: DnsThread, failure: unknown): void {
    const { index } = thread;
    this.threads.delete(index);
    this.past = addCounts([this.past, thread.counts]);
    if (this.isStopped) return;
    const { clock, logger } = this.parts;
    const life = this.lives.get(index) ?? { startedMs: 0, delayMs: restartMsMin };
    const isSteady = clock.monotonic() - life.startedMs >= steadyMs;
    const delayMs = isSteady ? restartMsMin : life.delayMs;
    this.lives.set(index, { ...life, delayMs: Math.min(delayMs * 2, restartMsMax) });
    const data = { thread: index, error: failure, restartInMs: delayMs };
    logger.error('dns.threadExited', `DNS thread ${index} has ended`, data);
    this.restarts.set(
      index,
      clock.setTimeout(() => {
        this.restarts.delete(index);
        this.startThread(index);
      }, delayMs),
    );
  }

  private closePort(key: number): void {
    this.ports.delete(key);
    for (const thread of this.threads.values()) thread.feed.order({ type: 'close', key });
  }
}
