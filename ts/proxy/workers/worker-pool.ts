import type { IConnectionInfo, IWorkerInfo } from '../../../ts_interfaces/index.ts';
import { type IClock, type ITimer, systemClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { LocalLimiters } from '../../net/limiters.ts';
import { BackendNames } from '../backend-names.ts';
import type { ICertificateMaterial } from '../certificate-source.ts';
import type { IPreparedWeb, ProxyManager } from '../proxy-manager.ts';
import type { IPreparedTcp, SmartProxy } from '../tcp/index.ts';
import { MainDesk } from './main-desk.ts';
import type { IPlanSource } from './plan-cursor.ts';
import { tcpForWorkers, webForWorkers } from './plan-for-workers.ts';
import type { PortBook } from './port-book.ts';
import type { IAskedOfWorker } from './protocol.ts';
import { Restarts } from './restarts.ts';
import { StandardOutput } from './standard-output.ts';
import { type INumberedPlan, WorkerLink } from './worker-link.ts';

/** What a pool works with: the main process's own. */
export interface IWorkerPoolParts {
  /** Processes, at least 1. */
  workers: number;
  /** Holds the routes and settings; its ports are those of `ports`, so it serves nobody itself. */
  proxy: ProxyManager;
  /** @default there are no TCP entries */
  tcp?: SmartProxy;
  ports: PortBook;
  /** The ones that `proxy` has. */
  limiters: LocalLimiters;
  certificates: {
    domains(): Iterable<string>;
    find(domain: string): ICertificateMaterial | undefined;
  };
  bus: EventBus;
  logger: ILogger;
  /** Names of backends: workers ask for them here. @default there are none but what the machine knows */
  names?: BackendNames;
  clock?: IClock;
}

/** What is bound and compiled in the main process, and not in force. */
export interface IPoolPlan {
  /** @default the web plane stays as it is */
  web?: IPreparedWeb;
  /** Names of `hooks.authProviders`; go with `web`. @default none */
  authProviders?: readonly string[];
  /** @default the TCP plane stays as it is */
  tcp?: IPreparedTcp;
}

/** Times that a worker may fail to begin, one after the other, until `start()` gives up. */
const startTriesMax = 3;
/** Milliseconds that a worker's clients wait for it; is it away for longer, others serve them. */
const awayMs = 1000;
/** Milliseconds for a worker's numbers; one that is late is counted when it answers. */
const answerMs = 1000;
/** Milliseconds for a list of a worker's connections; of one that is late, they are left out. */
const listMs = 3000;

/**
 * The worker processes: they serve, the main process decides.
 *
 * Everything that changes in the main process's planes is copied to the workers as a difference, on
 * its own and in order; `flush()` waits for that. A worker that ends is replaced, its siblings serve
 * on, and its ports keep what waits in them, since the main process holds them too.
 */
export class WorkerPool {
  private readonly parts: IWorkerPoolParts;
  private readonly names: BackendNames;
  private readonly clock: IClock;
  private readonly links: WorkerLink[];
  private readonly desk: MainDesk;
  private readonly restarts: Restarts;
  private readonly output: StandardOutput;
  /** In force. */
  private current: INumberedPlan | null = null;
  private next: INumberedPlan | null = null;
  private lastNumber = 0;
  private state: 'new' | 'starting' | 'running' | 'stopped' = 'new';
  private isScheduled = false;
  /** Those that `start()` has started: they are replaced from then on, also while others begin. */
  private readonly begun = new Set<WorkerLink>();
  /** Workers that are away for long. */
  private readonly away = new Set<number>();
  private unfollow: (() => void)[] = [];
  private draining: Promise<void> | null = null;

  constructor(parts: IWorkerPoolParts) {
    const { clock = systemClock, bus, logger, proxy, certificates, limiters, ports } = parts;
    this.parts = parts;
    this.names = parts.names ?? new BackendNames({ logger });
    this.clock = clock;
    this.output = new StandardOutput(logger);
    this.restarts = new Restarts(clock);
    this.desk = new MainDesk({
      proxy,
      names: this.names,
      bus,
      logger,
      workers: parts.workers,
      childOf: (worker) => this.links[worker - 1]?.child ?? null,
      onHealth: (group, backend) => this.healthChanged(group, backend),
    });
    const { desk } = this;
    const source: IPlanSource = {
      proxy,
      certificates,
      bus,
      logger,
      isClaimed: (routeId) => desk.brokers.isClaimed(routeId),
    };
    this.links = Array.from({ length: parts.workers }, (_, index) => {
      return new WorkerLink({
        worker: index + 1,
        workers: parts.workers,
        source,
        ticketKeys: proxy.ticketKeys,
        limiters,
        clock,
        ports,
        current: () => this.current,
        onJoined: (worker) => desk.joined(worker),
        onServing: (link) => this.serving(link),
        onMessage: (link, message) => desk.take(link, message),
        onOutput: (bytes, more) => this.output.write(bytes, more),
        onExit: (link, exit) => this.exited(link, exit),
      });
    });
    proxy.elsewhere = desk.work;
    if (parts.tcp !== undefined) parts.tcp.elsewhere = desk.tcp;
  }

  /**
   * Starts the workers with what is in force; resolves when all serve.
   *
   * @throws DcError `WORKER_FAILED` when one cannot begin, three times in a row; none is left then.
   */
  async start(): Promise<void> {
    this.state = 'starting';
    this.unfollow = this.follow();
    try {
      await Promise.all(this.links.map((link) => this.begin(link)));
    } catch (error) {
      await this.stop(0);
      throw error;
    }
    this.state = 'running';
  }

  /**
   * Lets all workers bind and compile what is to come; nothing is in force. Workers that do not run
   * are left out: they begin with what is in force then.
   *
   * @throws DcError what a worker says, e.g. `LISTEN_FAILED`; call `discard()` then.
   */
  async prepare(plan: IPoolPlan): Promise<void> {
    const before = this.current;
    const web = plan.web === undefined ? null : webForWorkers(plan.web, plan.authProviders ?? []);
    const changes = { web, tcp: tcpForWorkers(plan.tcp) };
    const tcp = new Map(before?.tcp);
    for (const id of changes.tcp.removed) tcp.delete(id);
    for (const entry of changes.tcp.set) tcp.set(entry.id, entry);
    const number = ++this.lastNumber;
    const next = { number, changes, web: web ?? before?.web ?? null, tcp };
    this.next = next;
    await Promise.all(
      this.involved().map((link) => this.unlessGone(link, () => link.prepare(next))),
    );
  }

  /** What was prepared is in force in the main process; the workers follow with the next push. */
  apply(): void {
    if (this.next === null) return;
    this.current = this.next;
    this.next = null;
    this.schedule();
    // After the push, in the order of each one's tasks: only then new ports are open there.
    if (this.away.size > 0) void this.flush().then(() => this.adopt());
  }

  /** What was prepared is not wanted. */
  async discard(): Promise<void> {
    this.next = null;
    await Promise.all(this.involved().map((link) => this.unlessGone(link, () => link.discard())));
  }

  /** Resolves when all that has changed so far is in force in all workers that serve. */
  async flush(): Promise<void> {
    await Promise.all(this.involved().map((link) => this.push(link)));
  }

  /**
   * Ends all workers, after their open requests have ended within the time.
   *
   * @returns true when all did.
   */
  async stop(drainTimeoutMs: number): Promise<boolean> {
    this.state = 'stopped';
    for (const leave of this.unfollow.splice(0)) leave();
    this.restarts.cancel();
    const drained = await Promise.all(this.links.map((link) => link.stop(drainTimeoutMs)));
    // Who starts it again brings all of the plan again.
    this.current = null;
    this.next = null;
    this.begun.clear();
    this.away.clear();
    await this.output.close();
    return drained.every((inTime) => inTime);
  }

  /** How the workers are doing. */
  workers(): IWorkerInfo[] {
    return this.links.map(({ worker, child, state, restarts, startedAt }) => ({
      worker,
      pid: child?.pid ?? null,
      state,
      restarts,
      startedAt: startedAt === null ? null : new Date(startedAt).toISOString(),
      ...this.desk.work.ofWorker(worker),
    }));
  }

  /**
   * Brings the numbers of the main process up to date: afterwards they have all that the workers
   * did before the call, but for one that does not answer within a second.
   */
  drainStats(): Promise<void> {
    this.draining ??= this.drain().finally(() => {
      this.draining = null;
    });
    return this.draining;
  }

  /** The live connections of all workers; those of one that fails, or does not answer, are left out. */
  async connections(): Promise<IConnectionInfo[]> {
    const lists = await Promise.all(
      this.involved().map((link) => this.within(listMs, this.ask(link, 'connections', null))),
    );
    return lists.flatMap((list) => list ?? []);
  }

  /** Breaks a connection off, by its id of `connections()`. False: there is none. */
  async close(id: string): Promise<boolean> {
    const worker = Number(/^w(\d+)-/.exec(id)?.[1] ?? 0);
    const child = this.links[worker - 1]?.child;
    if (child === undefined || child === null) return false;
    return (await child.questions.ask('close', id)) === true;
  }

  /** Lets the workers open their access logs anew, after rotation. */
  async reopenLogs(): Promise<void> {
    await this.askAll('reopen', null);
  }

  private involved(): WorkerLink[] {
    return this.links.filter((link) => link.child !== null && link.state !== 'draining');
  }

  private async drain(): Promise<void> {
    const answers = Promise.all(
      this.involved().map(async (link) => {
        const report = await this.ask(link, 'report', null);
        if (report !== null) this.desk.absorb(link.worker, report);
      }),
    );
    await this.within(answerMs, answers);
  }

  /** null: it took longer. */
  private async within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
    let timer: ITimer | undefined;
    const late = new Promise<null>((resolve) => {
      timer = this.clock.setTimeout(() => resolve(null), ms);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      timer?.cancel();
    }
  }

  private askAll<N extends keyof IAskedOfWorker>(
    name: N,
    question: IAskedOfWorker[N]['question'],
  ): Promise<(IAskedOfWorker[N]['answer'] | null)[]> {
    return Promise.all(this.involved().map((link) => this.ask(link, name, question)));
  }

  /** null: it is gone. */
  private async ask<N extends keyof IAskedOfWorker>(
    { child }: WorkerLink,
    name: N,
    question: IAskedOfWorker[N]['question'],
  ): Promise<IAskedOfWorker[N]['answer'] | null> {
    if (child === null) return null;
    try {
      return await child.questions.ask(name, question);
    } catch (error) {
      if (!child.isGone) throw error;
      return null;
    }
  }

  private async begin(link: WorkerLink): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await link.start();
        this.begun.add(link);
        return;
      } catch (cause) {
        link.child?.kill();
        if (tries < startTriesMax && this.state === 'starting') continue;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new DcError('WORKER_FAILED', `Worker ${link.worker} cannot start: ${reason}`, {
          cause,
        });
      }
    }
  }

  private serving({ worker, child }: WorkerLink): void {
    const { bus, logger } = this.parts;
    const pid = child?.pid ?? 0;
    if (this.away.delete(worker)) {
      for (const link of this.involved()) {
        void this.orFail(link, () => link.release(worker));
      }
    }
    logger.info('worker.started', `Worker ${worker} serves`, { worker, pid });
    bus.emit('worker.started', { worker, pid });
  }

  private exited(
    link: WorkerLink,
    { pid, reason, livedMs }: { pid: number; reason: string; livedMs: number },
  ): void {
    const { bus, logger } = this.parts;
    const { worker } = link;
    this.desk.parted(worker);
    // Who has not begun yet is tried again by `start()`.
    if (this.state === 'stopped' || !this.begun.has(link)) return;
    const restartInMs = this.restarts.schedule(worker, livedMs, () => {
      link.restarts++;
      link.start().catch((error: unknown) => this.failed(link, error));
    });
    if (restartInMs >= awayMs) this.away.add(worker);
    this.adopt();
    const message = `Worker ${worker} has ended: ${reason}`;
    logger.error('worker.exited', message, { worker, pid, reason, restartInMs });
    bus.emit('worker.exited', { worker, pid, reason, restartInMs });
  }

  /** Those who serve take the clients of those who are away for long. */
  private adopt(): void {
    for (const worker of this.away) {
      for (const link of this.involved()) {
        if (link.worker !== worker) void this.orFail(link, () => link.adopt(worker));
      }
    }
  }

  /** What a worker could not do although main could: it begins anew, with all that is in force. */
  private failed(link: WorkerLink, error: unknown): void {
    const { worker, child } = link;
    if (this.state !== 'stopped') {
      const message = `Worker ${worker} cannot follow`;
      this.parts.logger.error('worker.failed', message, { worker, error });
    }
    child?.kill();
  }

  /** Changes go out together at the end of the turn. */
  private schedule(): void {
    if (this.isScheduled || this.state === 'new' || this.state === 'stopped') return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      for (const link of this.involved()) void this.push(link);
    });
  }

  private push(link: WorkerLink): Promise<void> {
    return this.orFail(link, () => link.push());
  }

  private async orFail(link: WorkerLink, task: () => Promise<void>): Promise<void> {
    const { child } = link;
    try {
      await task();
    } catch (error) {
      // Who is gone begins with all that is in force.
      if (child?.isGone === false) this.failed(link, error);
    }
  }

  private async unlessGone(link: WorkerLink, task: () => Promise<void>): Promise<void> {
    const { child } = link;
    try {
      await task();
    } catch (error) {
      if (child?.isGone !== true) throw error;
    }
  }

  /** Takes note of what changes in the main process. */
  private follow(): (() => void)[] {
    const { bus, proxy } = this.parts;
    const { names } = this;
    const { brokers } = this.desk;
    const onRoute = ({ routeId }: { routeId: string }) => {
      brokers.review(routeId);
      for (const { unknown } of this.links) unknown.routeChanged(routeId);
      this.schedule();
    };
    const onCertificate = ({ domain }: { domain: string }) => {
      for (const { unknown } of this.links) unknown.certificateChanged(domain);
      this.schedule();
    };
    const onHealth = ({ routeId, backendId }: { routeId: string; backendId: string }) => {
      this.healthChanged(routeId, backendId);
    };
    bus.onInterest = () => this.schedule();
    proxy.onServices = () => this.schedule();
    names.onChange = (hostname) => this.nameChanged(hostname);
    return [
      bus.on('route.added', onRoute),
      bus.on('route.changed', onRoute),
      bus.on('route.removed', onRoute),
      bus.on('certificate.added', onCertificate),
      bus.on('certificate.removed', onCertificate),
      bus.on('tcp.removed', ({ entryId }) => this.desk.tcp.forget(entryId)),
      bus.on('backend.dead', onHealth),
      bus.on('backend.alive', onHealth),
      () => {
        bus.onInterest = null;
        proxy.onServices = null;
        names.onChange = null;
      },
    ];
  }

  private nameChanged(hostname: string): void {
    const lookup = this.names.knownNow(hostname);
    if (lookup === undefined) return;
    for (const { child } of this.links) child?.post({ type: 'name', hostname, lookup });
  }

  private healthChanged(group: string, backend: string): void {
    for (const { unknown } of this.links) unknown.healthChanged(group, backend);
    this.schedule();
  }
}
