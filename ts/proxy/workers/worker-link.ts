import { setImmediate } from 'node:timers/promises';
import type { IPortProxySettings, IWorkerInfo } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ITcpHandle } from '../../net/handles.ts';
import type { LocalLimiters } from '../../net/limiters.ts';
import { LimitDesk } from './limit-desk.ts';
import { type IPlanSource, PlanCursor } from './plan-cursor.ts';
import type { ISharedPort } from './port-book.ts';
import type { IPreparedPlan, TToMain } from './protocol.ts';
import { errorFrom } from './questions.ts';
import { WorkerChild } from './worker-child.ts';

/** What is bound and compiled, and which one it is. */
export interface INumberedPlan {
  readonly number: number;
  /** What it changes. */
  readonly changes: IPreparedPlan;
  /** All that there is with it. */
  readonly web: IPreparedPlan['web'];
  readonly tcp: ReadonlyMap<string, IPortProxySettings>;
}

/** What a link needs of the pool. */
export interface IWorkerLinkParts {
  readonly worker: number;
  readonly workers: number;
  readonly source: IPlanSource;
  readonly ticketKeys: Buffer;
  readonly limiters: LocalLimiters;
  readonly clock: IClock;
  /** All ports that are open. */
  readonly ports: Iterable<ISharedPort>;
  /** All that is in force, for a worker that begins; null: nothing yet. */
  current(): INumberedPlan | null;
  /** The worker is about to be told the plan. */
  onJoined(worker: number): void;
  /** It serves. */
  onServing(link: WorkerLink): void;
  /** What it says, but for limits, answers and what keeps it going. */
  onMessage(link: WorkerLink, message: TToMain): void;
  onOutput(bytes: Buffer, more: () => void): boolean;
  /** Its process has ended. */
  onExit(link: WorkerLink, exit: { pid: number; reason: string; livedMs: number }): void;
}

/** Milliseconds in which a worker has to load its code and take its plan, answering meanwhile. */
const pingMs = 2500;
/** Pings in a row that may stay without any message: 10 s. */
const missedMax = 4;

/** One worker of the pool: the process that it has now, and what that one knows. */
export class WorkerLink {
  readonly worker: number;
  restarts = 0;
  state: IWorkerInfo['state'] = 'waiting';
  startedAt: number | null = null;
  child: WorkerChild | null = null;
  private readonly parts: IWorkerLinkParts;
  private cursor: PlanCursor;
  private desk: LimitDesk;
  private sentPorts = new WeakSet<ISharedPort>();
  /** Number of the plan that it has in force; 0: none. */
  private plan = 0;
  /** Ids of the TCP entries that it has. */
  private entries: ReadonlySet<string> = new Set();
  /** Number of the plan that it has prepared; 0: none. */
  private prepared = 0;
  private sequence = 0;
  /** Who waits for `ready`, or for its word that what was sent is in force. */
  private waiter: { sequence: number; resolve(): void; reject(error: DcError): void } | null = null;
  private tasks: Promise<unknown> = Promise.resolve();
  private nextPush: Promise<void> | null = null;
  private missed = 0;
  private ping: ITimer | null = null;
  private failure: DcError | null = null;
  private onGone: (() => void) | null = null;

  constructor(parts: IWorkerLinkParts) {
    this.parts = parts;
    this.worker = parts.worker;
    this.cursor = new PlanCursor(parts.source);
    this.desk = new LimitDesk(parts.limiters);
  }

  /** Whether it serves, or is about to with what it was told already. */
  get isInvolved(): boolean {
    return this.child !== null && this.plan !== 0;
  }

  /** What it does not know yet. */
  get unknown(): PlanCursor {
    return this.cursor;
  }

  /** Starts a process; resolves when it serves. @throws DcError `WORKER_FAILED` */
  async start(): Promise<void> {
    const { parts } = this;
    const { clock, worker, workers, ticketKeys } = parts;
    const began = clock.monotonic();
    this.reset();
    const child = new WorkerChild({
      onMessage: (message) => this.take(child, message),
      onOutput: (bytes, more) => parts.onOutput(bytes, more),
      onExit: (reason) => this.ended(child, reason, clock.monotonic() - began),
    });
    this.child = child;
    this.state = 'starting';
    this.startedAt = clock.now();
    this.schedulePing(child);
    await this.run(child, async () => {
      const ready = this.word(0);
      await child.send({ type: 'begin', worker, workers, ticketKeys });
      await ready;
      parts.onJoined(worker);
      await this.bringUpToDate(child);
    });
    this.state = 'serving';
    parts.onServing(this);
  }

  /** Lets it prepare what is to come. @throws DcError what it says; `WORKER_FAILED` */
  prepare(next: INumberedPlan): Promise<void> {
    return this.task(async (child) => {
      await this.sendPorts(child);
      await child.questions.ask('prepare', next.changes);
      this.prepared = next.number;
    });
  }

  /** What it has prepared is not wanted. */
  discard(): Promise<void> {
    return this.task(async (child) => {
      if (this.prepared === 0) return;
      this.prepared = 0;
      await child.send({ type: 'discard' });
    });
  }

  /** Lets it serve the clients of a worker that is away, as far as its ports are open. */
  adopt(worker: number): Promise<void> {
    return this.task(async (child) => {
      for (const port of this.parts.ports) {
        for (const handle of this.handlesOf(port, worker)) {
          await child.send({ type: 'adopt', key: port.key, worker }, handle);
        }
      }
    });
  }

  /** That worker is back. */
  release(worker: number): Promise<void> {
    return this.task((child) => child.send({ type: 'release', worker }));
  }

  /** Tells what it does not know; resolves when that is in force. Harmless when it is gone. */
  push(): Promise<void> {
    this.nextPush ??= this.task(async (child) => {
      this.nextPush = null;
      await this.bringUpToDate(child);
    });
    return this.nextPush;
  }

  /** Ends its process, after open requests have ended. @returns whether they did in time. */
  async stop(drainTimeoutMs: number): Promise<boolean> {
    const { child } = this;
    if (child === null) return true;
    this.state = 'draining';
    // One that does not keep to it is ended.
    const last = this.parts.clock.setTimeout(() => child.kill(), drainTimeoutMs + killAfterMs);
    const gone = new Promise<void>((resolve) => {
      this.onGone = resolve;
    });
    try {
      return await child.questions.ask('stop', drainTimeoutMs);
    } catch (error) {
      if (!(error instanceof DcError)) throw error;
      // It crashed meanwhile: what it served is gone.
      return false;
    } finally {
      await gone;
      last.cancel();
    }
  }

  private reset(): void {
    this.cursor = new PlanCursor(this.parts.source);
    this.desk = new LimitDesk(this.parts.limiters);
    this.sentPorts = new WeakSet();
    this.plan = 0;
    this.prepared = 0;
    this.entries = new Set();
    this.missed = 0;
    this.failure = null;
    this.nextPush = null;
    this.tasks = Promise.resolve();
  }

  /** Runs a task of this process after those before it; nothing when there is none. */
  private task(work: (child: WorkerChild) => Promise<void>): Promise<void> {
    const { child } = this;
    if (child === null) return Promise.resolve();
    return this.run(child, () => work(child));
  }

  private run(child: WorkerChild, work: () => Promise<void>): Promise<void> {
    const done = this.tasks.then(async () => {
      if (this.child !== child) throw this.goneError(child);
      await work();
    });
    this.tasks = Promise.allSettled([done]);
    return done;
  }

  private async bringUpToDate(child: WorkerChild): Promise<void> {
    const current = this.parts.current();
    const isNew = current !== null && current.number !== this.plan;
    if (isNew && this.prepared !== current.number) {
      await this.sendPorts(child);
      const removed = [...this.entries].filter((id) => !current.tcp.has(id));
      const tcp = { set: [...current.tcp.values()], removed };
      await child.questions.ask('prepare', { web: current.web, tcp });
    }
    if (isNew) this.cursor.tcpChanged();
    let isEmpty = !isNew;
    for (const part of this.cursor.parts()) {
      await child.send({ type: 'plan', part });
      isEmpty = false;
      // Writing a part takes a while: traffic of the main process goes on between them.
      await setImmediate();
    }
    if (isEmpty) return;
    const sequence = ++this.sequence;
    const committed = this.word(sequence);
    if (isNew) {
      this.plan = current.number;
      this.prepared = 0;
      this.entries = new Set(current.tcp.keys());
    }
    await child.send({ type: 'commit', sequence, appliesPrepared: isNew });
    await committed;
  }

  private async sendPorts(child: WorkerChild): Promise<void> {
    for (const port of this.parts.ports) {
      if (this.sentPorts.has(port)) continue;
      this.sentPorts.add(port);
      for (const handle of this.handlesOf(port, this.worker)) {
        await child.send({ type: 'port', key: port.key }, handle);
      }
    }
  }

  /** A worker's handles of a port: there may be more than workers, from a process that had more. */
  private *handlesOf({ bound: { handles } }: ISharedPort, worker: number): Generator<ITcpHandle> {
    for (let index = worker - 1; index < handles.length; index += this.parts.workers) {
      const handle = handles[index];
      if (handle !== undefined) yield handle;
    }
  }

  private take(child: WorkerChild, message: TToMain): void {
    this.missed = 0;
    switch (message.type) {
      case 'ready':
        this.heard(0);
        break;
      case 'committed':
        this.heard(message.sequence);
        break;
      case 'pong':
      case 'answer':
        break;
      case 'limits': {
        const now = this.parts.clock.monotonic();
        const answers = this.desk.answer(message.questions, now);
        if (answers.rates.length + answers.counts.length > 0) {
          child.post({ type: 'limits', answers });
        }
        break;
      }
      case 'failed':
        this.failure = errorFrom(message.error);
        break;
      default:
        this.parts.onMessage(this, message);
    }
  }

  private schedulePing(child: WorkerChild): void {
    this.ping = this.parts.clock.setTimeout(() => {
      // Only what main had time to read counts, so a busy main does not end its workers.
      if (this.missed++ >= missedMax) child.kill();
      else child.post({ type: 'ping' });
      this.schedulePing(child);
    }, pingMs);
  }

  private ended(child: WorkerChild, reason: string, livedMs: number): void {
    if (this.child !== child && this.child !== null) return;
    this.ping?.cancel();
    this.child = null;
    this.state = 'waiting';
    this.startedAt = null;
    this.desk.close();
    this.waiter?.reject(this.goneError(child));
    this.waiter = null;
    this.onGone?.();
    this.onGone = null;
    const why = this.failure === null ? reason : this.failure.message;
    this.parts.onExit(this, { pid: child.pid ?? 0, reason: why, livedMs });
  }

  /** Waits for a word of the process. @throws DcError `WORKER_FAILED` when it ends instead */
  private word(sequence: number): Promise<void> {
    const word = new Promise<void>((resolve, reject) => {
      this.waiter = { sequence, resolve, reject };
    });
    // Whoever sends first may fail before it listens.
    word.catch(() => this.waiter === null);
    return word;
  }

  private heard(sequence: number): void {
    if (this.waiter?.sequence !== sequence) return;
    this.waiter.resolve();
    this.waiter = null;
  }

  private goneError(child: WorkerChild): DcError {
    const reason = this.failure?.message ?? child.exitReason ?? 'it was replaced';
    return new DcError('WORKER_FAILED', `Worker ${this.worker} has ended: ${reason}`);
  }
}

const killAfterMs = 5000;
