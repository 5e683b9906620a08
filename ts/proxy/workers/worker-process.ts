import type {
  IAuthVerdict,
  IHooks,
  TAuthProvider,
  TEventName,
} from '../../../ts_interfaces/index.ts';
import { systemClock } from '../../core/clock.ts';
import { EventBus } from '../../core/event-bus.ts';
import { releaseUnusedHeap } from '../../core/heap.ts';
import { AddressLists } from '../../net/address-list.ts';
import { isTcpHandle } from '../../net/handles.ts';
import { PortTable } from '../../net/port-table.ts';
import { HandedPorts } from '../../net/ports.ts';
import { BUSY } from '../access/access.ts';
import { BackendNames } from '../backend-names.ts';
import { announcingGuard } from '../descriptor-guard.ts';
import type { ILiveConnection } from '../live-connection.ts';
import { NamedLimits } from '../named-limits.ts';
import { ProxyManager } from '../proxy-manager.ts';
import { SmartProxy } from '../tcp/index.ts';
import { UdpForwarder } from '../udp/index.ts';
import { FollowingHealth } from './following-health.ts';
import { GivenCertificates } from './given-certificates.ts';
import type { IMainChannel } from './main-channel.ts';
import { Outbox } from './outbox.ts';
import { type IPrepared, PlanTaker } from './plan-taker.ts';
import type {
  IAnswer,
  IAskedOfMain,
  IAskedOfWorker,
  IPreparedPlan,
  IQuestion,
  TPlaceMessage,
  TToWorker,
} from './protocol.ts';
import { Questions, remoteErrorOf } from './questions.ts';
import { RemoteLogger } from './remote-logger.ts';
import { remoteService } from './remote-service.ts';
import { SharedLimiters } from './shared-limiters.ts';
import { type IPlaceDesk, SharedQueue } from './shared-queue.ts';
import { WorkCollector } from './work-collector.ts';

const reportMs = 250;
/** Messages on their way to main above which events and log lines are dropped. */
const unsentMax = 1000;
/** Requests whose auth provider is being asked; further ones get 503. */
const questionsMax = 10_000;
/** Events of the data path; main knows all others by itself. */
const forwarded: ReadonlySet<TEventName> = new Set<TEventName>([
  'request.completed',
  'connection.open',
  'connection.close',
  'listener.paused',
  'listener.resumed',
]);
/** Numbers of connections in events begin at a multiple of it, so that they differ by worker. */
const idsPerWorker = 2 ** 40;

/** A worker: the planes as main tells them, and what they need of main. */
export class WorkerProcess {
  private readonly channel: IMainChannel;
  private readonly outbox: Outbox;
  private readonly bus: EventBus;
  private readonly logger: RemoteLogger;
  private readonly health: FollowingHealth;
  private readonly names: BackendNames;
  private readonly certificates: GivenCertificates;
  private readonly handed: HandedPorts;
  private readonly limiters: SharedLimiters;
  private readonly lists = new AddressLists();
  private readonly limits: NamedLimits;
  private readonly questions: Questions<IAskedOfMain>;
  private readonly proxy: ProxyManager;
  private readonly tcp: SmartProxy;
  private readonly plans: PlanTaker;
  private readonly collector: WorkCollector;
  /** Routes whose places main has handed out, while they are compiled. */
  private readonly claimed = new Set<string>();
  private readonly authProviders = new Map<string, TAuthProvider>();
  private readonly following = new Map<TEventName, () => void>();
  private readonly worker: number;
  private prepared: IPrepared | null = null;
  private hasBegun = false;

  constructor(channel: IMainChannel, begin: Extract<TToWorker, { type: 'begin' }>) {
    this.channel = channel;
    this.worker = begin.worker;
    this.outbox = new Outbox(
      (message) => channel.send(message),
      () => channel.unsent > unsentMax,
    );
    const { outbox } = this;
    this.logger = new RemoteLogger((line) => outbox.line(line));
    const { logger } = this;
    this.bus = new EventBus(logger);
    const { bus } = this;
    const clock = systemClock;
    this.questions = new Questions((question) => channel.send(question));
    this.certificates = new GivenCertificates(bus);
    this.limiters = new SharedLimiters(outbox);
    outbox.questions = () => this.limiters.questions();
    this.limits = new NamedLimits(this.limiters);
    const desk = this.placeDesk(begin.workers);
    this.health = new FollowingHealth({ bus, logger, clock }, (report) => outbox.health(report));
    const { health, certificates, limiters, lists, limits, questions } = this;
    // Main looks names up, for all of its workers.
    const lookup = (hostname: string) => questions.ask('name', hostname);
    this.names = new BackendNames({ clock, logger, source: { lookup } });
    const { names } = this;
    this.handed = new HandedPorts(null, announcingGuard(bus, logger));
    const ports = new PortTable(this.handed);
    this.proxy = new ProxyManager(
      { drainTimeoutMs: 0 },
      {
        bus,
        logger,
        clock,
        certificates,
        health,
        names,
        limiters,
        lists,
        limits,
        ports,
        ticketKeys: Buffer.from(begin.ticketKeys),
        isChecked: true,
        queueFor: ({ id, reqActiveLength }, timeoutMs) => {
          const isClaimed = this.claimed.has(id);
          return new SharedQueue(id, reqActiveLength, timeoutMs, clock, desk, isClaimed);
        },
      },
    );
    const { proxy } = this;
    const { contexts, ticketKeys } = proxy;
    this.tcp = new SmartProxy({
      ports,
      limiters,
      lists,
      health,
      names,
      contexts,
      ticketKeys,
      bridge: proxy.bridge,
      bus,
      logger,
      clock,
      udp: new UdpForwarder({
        ...{ limiters, lists, health, names, bus, logger, clock },
        reusePort: true,
        // The siblings have them as well.
        isAlone: () => false,
      }),
    });
    const { tcp } = this;
    this.collector = new WorkCollector(proxy, tcp);
    const onRetired = (queue: SharedQueue) => {
      queue.retire();
      outbox.place({ type: 'retired', routeId: queue.routeId });
    };
    this.plans = new PlanTaker({ proxy, tcp, health, certificates, lists, limits, onRetired });
  }

  /** Begins; main may send plans from then on. */
  async start(): Promise<void> {
    await this.proxy.start();
    await this.tcp.start();
    setInterval(() => this.report(), reportMs).unref();
    this.channel.send({ type: 'ready' });
  }

  /** Takes a message of main. */
  take(message: TToWorker, handle: unknown): void {
    switch (message.type) {
      case 'port':
        if (isTcpHandle(handle)) this.handed.offer(message.key, handle);
        break;
      case 'adopt':
        if (isTcpHandle(handle)) this.handed.adopt(message.key, handle, String(message.worker));
        break;
      case 'release':
        this.handed.release(String(message.worker));
        break;
      case 'discard':
        void this.discard().catch((error: unknown) => this.fail(error));
        break;
      case 'plan':
        this.takePart(message.part);
        break;
      case 'commit':
        this.commit(message.sequence, message.appliesPrepared);
        break;
      case 'places':
        for (const one of message.messages) this.takePlace(one);
        break;
      case 'limits':
        this.limiters.answered(message.answers);
        break;
      case 'name':
        this.names.told(message.hostname, message.lookup);
        break;
      case 'ping':
        this.channel.send({ type: 'pong' });
        break;
      case 'answer':
        this.questions.answered(message);
        break;
      case 'question':
        void this.answer(message);
        break;
      default:
        break;
    }
  }

  /** Tells main what went wrong, and ends. */
  fail(error: unknown): void {
    this.channel.send({ type: 'failed', error: remoteErrorOf(error) }, () => this.channel.exit(1));
  }

  private takePart(part: Extract<TToWorker, { type: 'plan' }>['part']): void {
    this.plans.take(part, this.claimed, this.prepared?.web ?? null);
    if (part.drainTimeoutMs !== undefined) this.tcp.drainTimeoutMs = part.drainTimeoutMs;
    if (part.logLevels !== undefined) this.logger.levels = new Set(part.logLevels);
    if (part.events !== undefined) this.forward(new Set(part.events));
    if (part.services !== undefined) {
      const { proxy, questions, channel } = this;
      proxy.services = part.services.map((one) => remoteService(one, questions, channel));
    }
  }

  private commit(sequence: number, appliesPrepared: boolean): void {
    const { prepared } = this;
    // Loading and the first plan leave much behind; nobody is served yet, so there is time.
    if (!this.hasBegun) releaseUnusedHeap();
    this.hasBegun = true;
    this.plans.commit(appliesPrepared ? prepared : null);
    if (appliesPrepared) this.prepared = null;
    this.channel.send({ type: 'committed', sequence });
  }

  private async prepare({ web, tcp }: IPreparedPlan): Promise<null> {
    await this.discard();
    try {
      const preparedTcp = await this.tcp.prepare(tcp);
      this.prepared = { web: null, tcp: preparedTcp };
      if (web === null) return null;
      const hooks: IHooks = { authProviders: this.functions(web.authProviders) };
      this.prepared = { web: await this.proxy.prepare(web.options, hooks), tcp: preparedTcp };
      return null;
    } catch (error) {
      await this.discard();
      throw error;
    } finally {
      this.handed.discard();
    }
  }

  private async discard(): Promise<void> {
    const { prepared } = this;
    this.prepared = null;
    if (prepared === null) return;
    await this.tcp.discard(prepared.tcp);
    if (prepared.web !== null) await this.proxy.discard(prepared.web);
  }

  private functions(names: readonly string[]): Record<string, TAuthProvider> {
    const functions: Record<string, TAuthProvider> = {};
    for (const name of names) {
      // The same function for the same name, so that routes need not be compiled anew.
      const provider = this.authProviders.get(name) ?? this.providerOf(name);
      this.authProviders.set(name, provider);
      functions[name] = provider;
    }
    return functions;
  }

  /** Asks main's function. */
  private providerOf(provider: string): TAuthProvider {
    return (request): IAuthVerdict | Promise<IAuthVerdict> => {
      if (this.questions.size >= questionsMax) return BUSY;
      return this.questions.ask('auth', { provider, request });
    };
  }

  private async answer({ id, name, question }: IQuestion<IAskedOfWorker>): Promise<void> {
    const reply: IAnswer = { type: 'answer', id, answer: null, error: null };
    try {
      reply.answer = await this.answerTo(name, question);
    } catch (error) {
      reply.error = remoteErrorOf(error);
    }
    const ends = name === 'stop';
    this.channel.send(reply, ends ? () => this.channel.exit(0) : undefined);
  }

  private async answerTo(name: keyof IAskedOfWorker, question: unknown): Promise<unknown> {
    switch (name) {
      case 'report':
        return this.collector.report();
      case 'prepare':
        return this.prepare(question as IPreparedPlan);
      case 'connections':
        return this.connections();
      case 'close':
        return this.close(question as string);
      case 'reopen':
        await this.proxy.reopenLogs();
        return null;
      case 'stop':
        return this.stop(question as number);
    }
  }

  private connections() {
    const now = performance.now();
    const { worker } = this;
    return [...this.liveConnections()].map((connection) => {
      const info = connection.describe(now);
      return { ...info, id: `w${worker}-${info.id}`, worker };
    });
  }

  private *liveConnections(): Generator<ILiveConnection> {
    yield* this.proxy.connections();
    yield* this.tcp.connections();
  }

  private close(id: string): boolean {
    for (const connection of this.liveConnections()) {
      if (`w${this.worker}-${connection.id}` !== id) continue;
      connection.close();
      return true;
    }
    return false;
  }

  private async stop(drainTimeoutMs: number): Promise<boolean> {
    // The TCP plane first closes its ports; what it handed over ends with the web plane.
    const drained = await Promise.all([
      this.tcp.stop(drainTimeoutMs),
      this.proxy.stop(drainTimeoutMs),
    ]);
    this.outbox.flush();
    this.report();
    return drained.every((inTime) => inTime);
  }

  private report(): void {
    const report = this.collector.reportIfAny();
    if (report !== null) this.channel.send({ type: 'report', report });
  }

  private takePlace(message: TPlaceMessage): void {
    const { routeId } = message;
    const queue = this.plans.queueOf(routeId);
    if (message.type === 'grant') queue?.grant(message.ticket, message.places);
    else if (message.type === 'refuse') queue?.refuse(message.ticket);
    else if (message.type === 'calm') queue?.calm();
    else if (message.type === 'press') {
      if (queue !== undefined) queue.press();
      else this.outbox.place({ type: 'give', routeId, places: 0, held: 0, answers: true });
    }
  }

  private placeDesk(workers: number): IPlaceDesk {
    const { outbox } = this;
    return {
      workers,
      lastTicket: 0,
      ask: (routeId, ticket, held) => outbox.place({ type: 'ask', routeId, ticket, held }),
      gone: (routeId, ticket) => outbox.place({ type: 'gone', routeId, ticket }),
      give: (routeId, places, held, answers) => {
        outbox.place({ type: 'give', routeId, places, held, answers });
      },
      touched: (queue) => this.collector.touch(queue),
    };
  }

  /** Sends the events that somebody listens to in main, and no others. */
  private forward(wanted: ReadonlySet<TEventName>): void {
    for (const [name, leave] of this.following) {
      if (wanted.has(name)) continue;
      leave();
      this.following.delete(name);
    }
    for (const name of wanted) {
      if (!forwarded.has(name) || this.following.has(name)) continue;
      const leave = this.bus.on(name, (payload) => {
        this.outbox.event({ name, payload: this.withOwnId(payload) });
      });
      this.following.set(name, leave);
    }
  }

  private withOwnId<T extends object>(payload: T): T {
    if (!('id' in payload) || typeof payload.id !== 'number') return payload;
    return { ...payload, id: payload.id + this.worker * idsPerWorker };
  }
}
