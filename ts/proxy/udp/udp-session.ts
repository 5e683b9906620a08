import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { IConnectionInfo, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import { spellPlace } from '../../net/ip.ts';
import type { BackendNames } from '../backend-names.ts';
import { type Endpoint, endpointText } from '../endpoint.ts';
import type { HealthMonitor } from '../health-monitor.ts';
import { type ILiveConnection, nextConnectionId, secondsOf } from '../live-connection.ts';
import { lookedUpName } from '../service-name.ts';
import { isJudged } from '../tcp/action.ts';
import { literalLookup } from './literal-lookup.ts';
import { type IUdpPlan, pickBackend } from './udp-plan.ts';
import { sendQueueBytesMax, type UdpPort } from './udp-port.ts';

/** Datagrams of a session that may wait for an admission, a look-up or a socket. */
export const waitingMax = 16;
/** Bytes that may wait so in all sessions together. */
export const waitingBytesMax = 16 * 1024 * 1024;

/** What sessions share. */
export interface IUdpSessionParts {
  readonly clock: IClock;
  readonly logger: ILogger;
  readonly bus: Pick<EventBus, 'emit' | 'has'>;
  readonly health: Pick<HealthMonitor, 'reportFailure' | 'reportSuccess'>;
  readonly names: Pick<BackendNames, 'pick' | 'avoid' | 'hasOther'>;
  /** Bytes that wait in all sessions. */
  readonly waiting: { bytes: number };
  /** A session is over. */
  onEnd(session: UdpSession): void;
  /** This process cannot open a socket. */
  onShortage(session: UdpSession, error: NodeJS.ErrnoException): void;
}

/** Errors that are the backend's, or of the way to it. */
const backendErrors = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/**
 * What one client (address and port) sends to one port, and what comes back. It has a socket of its
 * own towards its backend, so the backend tells clients apart, and answers find their way.
 */
export class UdpSession implements ILiveConnection {
  readonly id: string;
  readonly plan: IUdpPlan;
  readonly port: UdpPort;
  /** As the socket gives it; answers go there. */
  readonly clientAddress: string;
  readonly clientPort: number;
  /** In normal form. */
  readonly clientIp: string;
  /** Monotonic milliseconds of the last datagram either way. */
  touchedAt: number;
  /** Monotonic milliseconds at which it is broken off. */
  deadlineAt = Number.POSITIVE_INFINITY;
  private readonly parts: IUdpSessionParts;
  private readonly stats: ITcpStats;
  private readonly number = nextConnectionId();
  private readonly openedAt: number;
  private bytesIn = 0;
  private bytesOut = 0;
  private endpoint: Endpoint | null = null;
  /** Of the backend that it is at, or goes to. */
  private address = '';
  private socket: Socket | null = null;
  private isReady = false;
  /** An admission was counted, which the end gives back. */
  private isAdmitted = false;
  private isOver = false;
  /** The backend has refused: the next datagram goes to another one, if there is one. */
  private hasFailed = false;
  /** Nothing came back from this backend yet. */
  private isUnanswered = true;
  private connectedAt = 0;
  private waiting: Buffer[] = [];

  constructor(
    parts: IUdpSessionParts,
    plan: IUdpPlan,
    stats: ITcpStats,
    port: UdpPort,
    client: { address: string; port: number; ip: string },
  ) {
    this.parts = parts;
    this.plan = plan;
    this.stats = stats;
    this.port = port;
    this.clientAddress = client.address;
    this.clientPort = client.port;
    this.clientIp = client.ip;
    this.id = String(this.number);
    this.openedAt = parts.clock.monotonic();
    this.touchedAt = this.openedAt;
    port.add(this);
  }

  /** It may go on: its place is counted. Not called when it is over already. */
  admitted(): void {
    this.isAdmitted = true;
    this.stats.open++;
    this.stats.total++;
    // What came while it was asked; of a client who is refused it does not count.
    this.stats.bytesIn += this.bytesIn;
    const { bus } = this.parts;
    if (bus.has('connection.open')) {
      const { id: entrypoint } = this.plan;
      bus.emit('connection.open', { id: this.number, entrypoint, clientIp: this.clientIp });
    }
    this.connect(null);
  }

  get isEnded(): boolean {
    return this.isOver;
  }

  /** Takes a datagram of the client, which the session may keep. */
  forward(bytes: Buffer): void {
    this.touchedAt = this.parts.clock.monotonic();
    this.bytesIn += bytes.length;
    if (this.isAdmitted) this.stats.bytesIn += bytes.length;
    if (this.hasFailed) this.move();
    if (this.isReady) this.send(bytes);
    else this.wait(bytes);
  }

  describe(now: number): IConnectionInfo {
    const { clock } = this.parts;
    return {
      id: this.id,
      protocol: 'udp',
      client: spellPlace(this.clientIp, this.clientPort),
      entrypoint: this.plan.id,
      port: this.port.port,
      route: null,
      backend: this.endpoint === null ? null : endpointText(this.endpoint, this.port.port),
      serverName: null,
      openedAt: new Date(clock.now() - (clock.monotonic() - this.openedAt)).toISOString(),
      ageSeconds: secondsOf(now - this.openedAt),
      idleSeconds: secondsOf(now - this.touchedAt),
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      worker: null,
    };
  }

  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.dropWaiting();
    this.leaveBackend();
    if (this.isAdmitted) {
      this.stats.open--;
      this.plan.admission.leave(this.clientIp);
      this.announceEnd();
    }
    this.parts.onEnd(this);
    this.port.delete(this);
  }

  /** @param tried backends that failed for the datagrams that wait. */
  private connect(tried: Endpoint[] | null): void {
    const endpoint = pickBackend(this.plan, this.port.port, this.clientIp, tried);
    if (endpoint === undefined) this.fail();
    else this.goTo(endpoint, tried);
  }

  private goTo(endpoint: Endpoint, tried: Endpoint[] | null): void {
    this.endpoint = endpoint;
    endpoint.active++;
    endpoint.requests++;
    this.isUnanswered = true;
    this.parts.names.pick(lookedUpName(endpoint.config), (error, address, port) => {
      // It may be over, or at another backend, when the answer comes.
      if (this.isOver || this.endpoint !== endpoint || this.socket !== null) return;
      if (error !== null) this.backendFailed(error.code ?? 'lookup', tried);
      else this.open(endpoint, address, port || endpoint.config.port || this.port.port, tried);
    });
  }

  private open(endpoint: Endpoint, address: string, port: number, tried: Endpoint[] | null): void {
    this.address = address;
    const type = isIP(address) === 6 ? 'udp6' : 'udp4';
    const socket = createSocket({ type, lookup: literalLookup });
    this.socket = socket;
    socket.on('message', (bytes) => this.onAnswer(endpoint, bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.socket !== socket) return;
      if (this.isReady) this.onError(error);
      else if (backendErrors.has(error.code ?? '')) this.backendFailed(error.code ?? '', tried);
      else this.shortage(error);
    });
    socket.on('connect', () => {
      if (this.socket === socket) this.onReady();
    });
    socket.connect(port, address);
  }

  private onReady(): void {
    this.isReady = true;
    this.connectedAt = this.parts.clock.monotonic();
    const { waiting } = this;
    this.waiting = [];
    for (const bytes of waiting) {
      this.parts.waiting.bytes -= bytes.length;
      this.send(bytes);
    }
  }

  private send(bytes: Buffer): void {
    const { socket } = this;
    if (socket === null || socket.getSendQueueSize() > sendQueueBytesMax) this.stats.failed++;
    else socket.send(bytes, this.onSent);
  }

  private readonly onSent = (error: Error | null): void => {
    if (error !== null && !this.isOver) this.onError(error);
  };

  private onError(error: NodeJS.ErrnoException): void {
    const { endpoint } = this;
    this.stats.failed++;
    const { code = error.message } = error;
    if (endpoint === null || !backendErrors.has(code) || this.hasFailed) return;
    this.hasFailed = true;
    this.report(endpoint, code);
  }

  private onAnswer(endpoint: Endpoint, bytes: Buffer): void {
    if (this.isOver) return;
    const { clock, health } = this.parts;
    this.touchedAt = clock.monotonic();
    this.hasFailed = false;
    if (this.isUnanswered) {
      this.isUnanswered = false;
      endpoint.observe(this.touchedAt - this.connectedAt, this.touchedAt);
      health.reportSuccess(this.plan.group, endpoint);
    }
    if (!this.port.send(bytes, this.clientPort, this.clientAddress, this.onAnswered)) {
      this.stats.failed++;
      return;
    }
    this.bytesOut += bytes.length;
    this.stats.bytesOut += bytes.length;
  }

  private readonly onAnswered = (error: Error | null): void => {
    if (error !== null) this.stats.failed++;
  };

  /** Goes to another backend after a failure; without one it stays. */
  private move(): void {
    this.hasFailed = false;
    const { endpoint } = this;
    if (endpoint === null) return;
    const other = pickBackend(this.plan, this.port.port, this.clientIp, [endpoint]);
    const isElsewhere = this.parts.names.hasOther(lookedUpName(endpoint.config), this.address);
    if (other === undefined && !isElsewhere) return;
    this.leaveBackend();
    this.goTo(other ?? endpoint, [endpoint]);
  }

  /** The backend cannot be reached at all: what waits goes to the next one. */
  private backendFailed(reason: string, tried: Endpoint[] | null): void {
    const { endpoint } = this;
    if (endpoint === null) return;
    this.report(endpoint, reason);
    this.leaveBackend();
    this.connect([...(tried ?? []), endpoint]);
  }

  private report(endpoint: Endpoint, reason: string): void {
    this.parts.names.avoid(lookedUpName(endpoint.config), this.address);
    if (isJudged(endpoint)) this.parts.health.reportFailure(this.plan.group, endpoint, reason);
  }

  private shortage(error: NodeJS.ErrnoException): void {
    this.parts.onShortage(this, error);
    this.fail();
  }

  /** There is no way to a backend: the next datagram begins a new session. */
  private fail(): void {
    // Without a datagram that waits, the failure has none to count.
    if (this.waiting.length === 0) this.stats.failed++;
    this.close();
  }

  private wait(bytes: Buffer): void {
    const { waiting } = this.parts;
    if (this.isOver || this.waiting.length >= waitingMax) this.stats.failed++;
    else if (waiting.bytes + bytes.length > waitingBytesMax) this.stats.failed++;
    else {
      waiting.bytes += bytes.length;
      this.waiting.push(bytes);
    }
  }

  private dropWaiting(): void {
    for (const bytes of this.waiting) this.parts.waiting.bytes -= bytes.length;
    if (this.isAdmitted) this.stats.failed += this.waiting.length;
    this.waiting = [];
  }

  private leaveBackend(): void {
    if (this.endpoint !== null) this.endpoint.active--;
    this.endpoint = null;
    this.isReady = false;
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  private announceEnd(): void {
    const { bus, clock } = this.parts;
    if (!bus.has('connection.close')) return;
    bus.emit('connection.close', {
      id: this.number,
      entrypoint: this.plan.id,
      clientIp: this.clientIp,
      durationMs: clock.monotonic() - this.openedAt,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
    });
  }
}
