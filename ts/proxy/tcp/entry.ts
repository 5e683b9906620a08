import type { ITcpEndpointInfo, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { Accepted } from '../../net/accepted.ts';
import type { IBoundPort } from '../../net/ports.ts';
import type { IClientAddress } from '../client-address.ts';
import { endpointText } from '../endpoint.ts';
import { type IArrival, type IProxyInPlan, takeIn } from '../intake.ts';
import type { ITcpEngine } from './engine.ts';
import type { EntryShape, IPortShape } from './entry-shape.ts';
import { Opening } from './opening.ts';
import { type ISessionOwner, Session } from './session.ts';

/** A port that an entry listens on. */
export interface IOpenPort {
  readonly bound: IBoundPort;
  shape: IPortShape;
  /** Connections that were accepted and whose session has not begun go when this ends. */
  isOpen: boolean;
}

/** Ports that an entry has left, whose sessions may go on for a while. */
interface ILeftPorts {
  readonly ports: ReadonlySet<number>;
  /** Monotonic milliseconds. */
  readonly until: number;
}

/** A TCP entry that is served: its ports, its sessions and its numbers. */
export class Entry implements ISessionOwner {
  readonly id: string;
  readonly engine: ITcpEngine;
  shape: EntryShape;
  /** False once it is closed: the web plane has parted from it. */
  handsOver = true;
  /** By `portKey`. */
  readonly ports = new Map<string, IOpenPort>();
  readonly sessions = new Set<Session>();
  /** Those that the web plane serves. */
  private readonly handed = new Set<Session>();
  /** Close the connections whose PROXY header is being read. */
  private readonly arriving = new Set<() => void>();
  private left: ILeftPorts[] = [];
  private total = 0;
  private refusedCount = 0;
  private failed = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private readonly onIdle: () => void;

  /** @param onIdle called when the last session is over. */
  constructor(engine: ITcpEngine, shape: EntryShape, onIdle: () => void) {
    this.engine = engine;
    this.id = shape.id;
    this.shape = shape;
    this.onIdle = onIdle;
  }

  /** Serves by this shape from now on, at these ports; sessions that are open keep theirs. */
  open(shape: EntryShape, ports: ReadonlyMap<string, IBoundPort>, drainTimeoutMs: number): void {
    this.shape = shape;
    const gone = new Set<number>();
    for (const [key, port] of this.ports) {
      if (ports.has(key)) continue;
      this.ports.delete(key);
      closePort(port);
      gone.add(port.bound.port);
    }
    if (gone.size > 0) this.leave(gone, drainTimeoutMs);
    for (const [key, bound] of ports) {
      const known = this.ports.get(key);
      const portShape = shape.portShape(bound.port);
      if (known !== undefined) {
        known.shape = portShape;
        continue;
      }
      const port: IOpenPort = { bound, shape: portShape, isOpen: true };
      this.ports.set(key, port);
      bound.accept((connection) => this.accept(connection, port));
    }
  }

  /** Takes no further connections; sessions may go on for a while. */
  close(drainTimeoutMs: number): void {
    this.handsOver = false;
    const gone = new Set<number>();
    for (const port of this.ports.values()) {
      closePort(port);
      gone.add(port.bound.port);
    }
    this.ports.clear();
    for (const cancel of [...this.arriving]) cancel();
    this.leave(gone, drainTimeoutMs);
  }

  private leave(ports: ReadonlySet<number>, drainTimeoutMs: number): void {
    this.left.push({ ports, until: this.engine.touch() + drainTimeoutMs });
    if (drainTimeoutMs === 0) this.check(this.engine.now);
    else this.engine.onActive();
  }

  // Connections.

  private accept(connection: Accepted, port: IOpenPort): void {
    const { shape } = this;
    const { proxyIn } = shape.plan;
    this.total++;
    if (connection.peerIp === '') return connection.destroy();
    if (proxyIn !== null) return this.readHeader(connection, proxyIn, shape, port);
    const { admission } = shape;
    if (admission === null) return this.begin(connection, shape, port);
    const { peerIp } = connection;
    const decide = (entered: boolean) => {
      if (entered && port.isOpen) return this.begin(connection, shape, port);
      if (entered) admission.leave(peerIp);
      else this.refusedCount++;
      connection.reset();
    };
    const entered = admission.admit(peerIp, decide);
    if (entered !== null) decide(entered);
  }

  private readHeader(
    connection: Accepted,
    plan: IProxyInPlan,
    shape: EntryShape,
    port: IOpenPort,
  ): void {
    let cancel: (() => void) | null = null;
    let isOver = false;
    const take = (arrival: IArrival | null, reason: string) => {
      isOver = true;
      if (cancel !== null) this.arriving.delete(cancel);
      if (arrival === null) this.turnedAway(connection.peerIp, reason);
      else this.takeUp(arrival, shape, port);
    };
    cancel = takeIn(connection, plan, take, this.engine.clock);
    // It may have been over at once.
    if (!isOver) this.arriving.add(cancel);
  }

  /** A connection without a PROXY header that could be believed. */
  private turnedAway(peerIp: string, reason: string): void {
    const { logger } = this.engine;
    this.refusedCount++;
    if (!logger.enabled('debug')) return;
    const message = `A connection to "${this.id}" was refused: ${reason}`;
    logger.debug('tcp.failed', message, { entryId: this.id, clientIp: peerIp, reason });
  }

  /** A connection whose PROXY header was read. */
  private takeUp(arrival: IArrival, shape: EntryShape, port: IOpenPort): void {
    const { wire, bytes, client } = arrival;
    const decide = (entered: boolean) => {
      if (!entered || !port.isOpen) {
        if (entered) shape.admission?.leave(client.clientIp);
        else this.refusedCount++;
        wire.reset();
        return;
      }
      const { session, opening } = this.sessionOf(client, shape, port);
      session.wire = wire;
      wire.consumer = opening;
      this.start(session, opening, port.shape, bytes);
    };
    const { admission } = shape;
    const entered = admission === null ? true : admission.admit(client.clientIp, decide);
    if (entered !== null) decide(entered);
  }

  private begin(connection: Accepted, shape: EntryShape, port: IOpenPort): void {
    const { peerIp, peerPort } = connection;
    const local = shape.wantsLocal ? connection.local() : { ip: '', port: port.bound.port };
    const client = {
      clientIp: peerIp,
      clientPort: peerPort,
      localIp: local.ip,
      localPort: local.port,
      peerIp,
    };
    const { session, opening } = this.sessionOf(client, shape, port);
    session.wire = connection.toWire(opening);
    this.start(session, opening, port.shape, null);
  }

  private sessionOf(client: IClientAddress, shape: EntryShape, { bound }: IOpenPort) {
    this.engine.touch();
    const session = new Session(this, shape, client, bound.port);
    const opening = new Opening(session);
    session.opening = opening;
    this.sessions.add(session);
    return { session, opening };
  }

  private start(
    session: Session,
    opening: Opening,
    { peeks, action }: IPortShape,
    bytes: Buffer | null,
  ): void {
    const { bus } = this.engine;
    this.engine.onActive();
    if (bus.has('connection.open')) {
      const { clientIp } = session.client;
      bus.emit('connection.open', { id: session.number, entrypoint: this.id, clientIp });
    }
    if (peeks) return opening.peek(bytes);
    opening.choose(action, 'nothing is done with connections to this port', bytes);
  }

  // What becomes of sessions.

  handedOver(session: Session): void {
    this.sessions.delete(session);
    this.handed.add(session);
  }

  refused(): void {
    this.refusedCount++;
  }

  ended(session: Session, failure: string | null): void {
    const { wire, client, shape } = session;
    const { bus, logger } = this.engine;
    if (this.sessions.delete(session)) {
      this.bytesIn += wire.bytesRead;
      this.bytesOut += wire.bytesWritten;
      if (bus.has('connection.close')) {
        bus.emit('connection.close', {
          id: session.number,
          entrypoint: this.id,
          clientIp: client.clientIp,
          durationMs: this.engine.clock.monotonic() - session.openedAt,
          bytesIn: wire.bytesRead,
          bytesOut: wire.bytesWritten,
        });
      }
    } else if (!this.handed.delete(session)) {
      return;
    }
    shape.admission?.leave(client.clientIp);
    if (failure !== null) {
      this.failed++;
      if (logger.enabled('debug')) {
        const message = `A connection to "${this.id}" was broken off: ${failure}`;
        const { clientIp } = client;
        logger.debug('tcp.failed', message, { entryId: this.id, clientIp, reason: failure });
      }
    }
    if (this.isIdle) this.onIdle();
  }

  /** Whether it has no session, not even in the web plane. */
  get isIdle(): boolean {
    return this.sessions.size === 0 && this.handed.size === 0;
  }

  /** Looks at the deadlines of all sessions. @returns whether there is something to look at. */
  check(now: number): boolean {
    for (const session of this.sessions) session.check(now);
    if (this.left.length > 0) this.checkLeft(now);
    return this.sessions.size > 0 || this.left.length > 0;
  }

  private checkLeft(now: number): void {
    const due = this.left.filter(({ until }) => now >= until || this.sessions.size === 0);
    if (due.length === 0) return;
    this.left = this.left.filter((left) => !due.includes(left));
    const open = new Set([...this.ports.values()].map(({ bound }) => bound.port));
    for (const session of this.sessions) {
      const isLeft = due.some(({ ports }) => ports.has(session.port));
      // The port may have come back meanwhile.
      if (isLeft && !open.has(session.port)) session.over('its port is not served any more');
    }
  }

  /** Closes every session at once. */
  destroy(): void {
    for (const session of this.sessions) session.over('the TCP plane stops');
  }

  // What can be seen of it.

  listening(): { address: string; port: number }[] {
    return [...this.ports.values()].map(({ bound: { address, port } }) => ({ address, port }));
  }

  stats(): ITcpStats {
    let { bytesIn, bytesOut } = this;
    for (const { wire } of this.sessions) {
      bytesIn += wire.bytesRead;
      bytesOut += wire.bytesWritten;
    }
    const open = this.sessions.size + this.handed.size;
    const { total, refusedCount: refused, failed } = this;
    return { open, total, refused, failed, bytesIn, bytesOut };
  }

  endpoints(): ITcpEndpointInfo[] {
    return [...this.shape.actions()].flatMap(({ plan: { domainConfig }, backends }) =>
      backends.map((endpoint) => ({
        domainConfig,
        id: endpoint.id,
        address: endpointText(endpoint, 0),
        isDead: endpoint.isDead,
        failureCount: endpoint.failureCount,
        active: endpoint.active,
        connections: endpoint.requests,
      })),
    );
  }
}

function closePort(port: IOpenPort): void {
  port.isOpen = false;
  port.bound.close();
}
