import type { IAuthVerdict, IEventMap, TEventName } from '../../../ts_interfaces/index.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { IWebServiceAnswer } from '../../net/web-service.ts';
import { UNAVAILABLE } from '../access/access.ts';
import type { BackendNames } from '../backend-names.ts';
import type { IHealthGroup } from '../health-monitor.ts';
import type { ProxyManager } from '../proxy-manager.ts';
import { PlaceBrokers } from './place-brokers.ts';
import type {
  IAnswer,
  IAskedOfMain,
  IForwardedEvent,
  IHealthReport,
  ILogLine,
  IQuestion,
  IWorkReport,
  TPlaceMessage,
  TToMain,
} from './protocol.ts';
import { remoteErrorOf } from './questions.ts';
import { bufferOf } from './remote-service.ts';
import { TcpAbsorber } from './tcp-absorber.ts';
import { WorkAbsorber } from './work-absorber.ts';
import type { WorkerChild } from './worker-child.ts';

/** What the desk works with. */
export interface IMainDeskParts {
  proxy: ProxyManager;
  names: BackendNames;
  bus: EventBus;
  logger: ILogger;
  /** Processes that share the limits. */
  workers: number;
  /** The process that a worker has now. */
  childOf(worker: number): WorkerChild | null;
  /** A backend is doing otherwise than the workers may think. */
  onHealth(group: string, backend: string): void;
}

/** The main process's side of what workers ask and tell while they serve. */
export class MainDesk {
  /** Places of the routes, over all workers. */
  readonly brokers: PlaceBrokers;
  /** What the workers have done. */
  readonly work: WorkAbsorber;
  /** What they have done for TCP and UDP entries. */
  readonly tcp = new TcpAbsorber();
  private readonly parts: IMainDeskParts;
  /** What goes to a worker at the end of this turn. */
  private readonly outgoing = new Map<number, TPlaceMessage[]>();

  constructor(parts: IMainDeskParts) {
    this.parts = parts;
    this.work = new WorkAbsorber(parts.proxy);
    const post = (worker: number, message: TPlaceMessage) => this.post(worker, message);
    this.brokers = new PlaceBrokers(
      {
        grant: (worker, routeId, ticket, places) =>
          post(worker, { type: 'grant', routeId, ticket, places }),
        refuse: (worker, routeId, ticket) => post(worker, { type: 'refuse', routeId, ticket }),
        press: (worker, routeId) => post(worker, { type: 'press', routeId }),
        calm: (worker, routeId) => post(worker, { type: 'calm', routeId }),
      },
      (routeId) => {
        const config = parts.proxy.router.route(routeId)?.config;
        if (config === undefined) return undefined;
        return { activeMax: config.reqActiveLength, queuedMax: config.reqQueueLength };
      },
      parts.workers,
    );
  }

  /** A worker is about to be told the plan. */
  joined(worker: number): void {
    this.work.joined(worker);
    this.tcp.joined(worker);
    this.brokers.joined(worker);
  }

  /** A worker is gone. */
  parted(worker: number): void {
    this.outgoing.delete(worker);
    this.work.parted(worker);
    this.tcp.parted(worker);
    this.brokers.parted(worker);
  }

  /** Takes what a worker says. */
  take({ worker, child }: { worker: number; child: WorkerChild | null }, message: TToMain): void {
    switch (message.type) {
      case 'report':
        this.absorb(worker, message.report);
        break;
      case 'places':
        for (const one of message.messages) this.takePlace(worker, one);
        break;
      case 'health':
        for (const report of message.reports) this.takeHealth(report);
        break;
      case 'events':
        for (const event of message.events) this.emit(event);
        break;
      case 'log':
        for (const line of message.lines) this.log(worker, line);
        break;
      case 'question':
        if (child !== null) void this.answer(child, message);
        break;
      default:
        break;
    }
  }

  /** Adds what a worker did to the numbers of the main process. */
  absorb(worker: number, report: IWorkReport): void {
    this.work.absorb(worker, report);
    this.tcp.absorb(worker, report);
  }

  private takePlace(worker: number, message: TPlaceMessage): void {
    const { brokers } = this;
    const { type, routeId } = message;
    if (type === 'ask') brokers.ask(worker, routeId, message.ticket, message.held);
    else if (type === 'gone') brokers.gone(worker, routeId, message.ticket);
    else if (type === 'retired') brokers.retired(worker, routeId);
    else if (type === 'give') {
      brokers.give(worker, routeId, message.places, message.held, message.answers);
    }
  }

  private post(worker: number, message: TPlaceMessage): void {
    const waiting = this.outgoing.get(worker);
    if (waiting !== undefined) {
      waiting.push(message);
      return;
    }
    this.outgoing.set(worker, [message]);
    setImmediate(() => {
      const messages = this.outgoing.get(worker);
      this.outgoing.delete(worker);
      if (messages !== undefined) this.parts.childOf(worker)?.post({ type: 'places', messages });
    });
  }

  /** Main's monitor decides; what it makes of the report is told to all, the reporter too. */
  private takeHealth({ group, backend, failure }: IHealthReport): void {
    const { proxy, onHealth } = this.parts;
    const found: IHealthGroup | undefined =
      proxy.router.route(group) ?? proxy.health.tcpGroup(group);
    const endpoint = found?.endpoints.find(({ id }) => id === backend);
    if (found === undefined || endpoint === undefined) return;
    if (failure === null) proxy.health.reportSuccess(found, endpoint);
    else proxy.health.reportFailure(found, endpoint, failure);
    onHealth(group, backend);
  }

  private emit<N extends TEventName>({ name, payload }: IForwardedEvent<N>): void {
    const { bus } = this.parts;
    bus.emit(name, payload as IEventMap[N]);
  }

  private log(worker: number, { level, event, message, data }: ILogLine): void {
    this.parts.logger[level](event, message, { ...data, worker });
  }

  private async answer(child: WorkerChild, asked: IQuestion<IAskedOfMain>): Promise<void> {
    const reply: IAnswer = { type: 'answer', id: asked.id, answer: null, error: null };
    try {
      reply.answer = await this.answerTo(asked.name, asked.question);
    } catch (error) {
      reply.error = remoteErrorOf(error);
    }
    child.post(reply);
  }

  private answerTo(name: keyof IAskedOfMain, question: unknown): Promise<unknown> {
    switch (name) {
      case 'auth':
        return this.authorize(question as IAskedOfMain['auth']['question']);
      case 'service':
        return this.serve(question as IAskedOfMain['service']['question']);
      case 'name':
        return this.parts.names.known(question as string);
    }
  }

  private async authorize({
    provider,
    request,
  }: IAskedOfMain['auth']['question']): Promise<IAuthVerdict> {
    const access = this.parts.proxy.router.providers.get(provider);
    const verdict: IAuthVerdict | undefined = await access?.check(request, undefined);
    return verdict ?? UNAVAILABLE;
  }

  private async serve({
    name,
    request,
  }: IAskedOfMain['service']['question']): Promise<IWebServiceAnswer> {
    const service = this.parts.proxy.services.find((one) => one.name === name);
    // It is gone, and the worker does not know it yet.
    if (service === undefined) return { status: 503, headers: {}, body: Buffer.alloc(0) };
    return service.handle({ ...request, body: bufferOf(request.body) });
  }
}
