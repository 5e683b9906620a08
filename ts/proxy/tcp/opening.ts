import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type IWireConsumer, Wire } from '../../net/wire.ts';
import type { Endpoint } from '../endpoint.ts';
import { isOwnLack } from '../http/upstream-connection.ts';
import { type Action, isJudged } from './action.ts';
import { BackendSide, type IBackendWaiter } from './backend-side.ts';
import { lookAt, type TFirstLook } from './first-look.ts';
import { type IEndedTls, proxyHeaderFor } from './proxy-out.ts';
import { type IOpening, reasonOf, type Session } from './session.ts';
import { Stash } from './stash.ts';

const TLS_HANDSHAKE = 0x16;

const stage = {
  /** The first bytes have to say what it is. */
  peeking: 0,
  /** Whether the client may come is being asked elsewhere. */
  asking: 1,
  /** The client's TLS begins. */
  handshake: 2,
  connecting: 3,
  over: 4,
} as const;

/**
 * A session until its backend is there: what its first bytes are, what is done with it, and which
 * backend can be reached. Then the session goes on alone.
 */
export class Opening implements IWireConsumer, IBackendWaiter, IOpening {
  private readonly session: Session;
  private stage: number = stage.peeking;
  private deadline = Number.POSITIVE_INFINITY;
  private stash: Stash | null = null;
  private clientEnded = false;
  private endedTls: IEndedTls | null = null;
  private backend: BackendSide | null = null;
  private tried: Endpoint[] | null = null;
  private connectingSince = 0;
  /** Below the client's TLS, until that is there. */
  private handshaking: Socket | null = null;

  constructor(session: Session) {
    this.session = session;
  }

  // What it is.

  /** Waits for the first bytes. @param bytes some that were read already; null: none. */
  peek(bytes: Buffer | null): void {
    const { session } = this;
    const { peekMs, silentMs } = session.shape.timeouts;
    const waitsForSilence = session.shape.table.silent(session.port) !== undefined;
    this.deadline = this.after(waitsForSilence ? silentMs : peekMs);
    if (bytes !== null) this.look(bytes, 0, bytes.length);
    if (this.stage === stage.peeking) session.wire.resume();
  }

  private look(bytes: Buffer, start: number, end: number): void {
    let found: TFirstLook;
    if (this.stash === null) {
      found = lookAt(bytes, start, end);
      this.keep(bytes, start, end);
    } else {
      this.stash.add(bytes, start, end);
      found = lookAt(this.stash.bytes, 0, this.stash.length);
    }
    if (found.kind !== 'incomplete') return this.decide(found);
    // It has begun to speak, so it is not silent.
    const { openedAt, shape } = this.session;
    this.deadline = openedAt + (shape.timeouts.peekMs || Number.POSITIVE_INFINITY);
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    if (this.stash === null) this.stash = new Stash(bytes, start, end);
    else this.stash.add(bytes, start, end);
  }

  private decide(found: Exclude<TFirstLook, { kind: 'incomplete' }>): void {
    const { session } = this;
    const { shape, port } = session;
    if (found.kind === 'tls') {
      const { serverName, alpn } = found.hello;
      session.isTls = true;
      session.serverName = serverName;
      const last = shape.plan.resetsUnknown ? null : shape.action;
      const otherwise =
        serverName === null ? 'it names no server' : `nothing takes "${serverName}"`;
      return this.choose(shape.table.tls(serverName, alpn, port) ?? last, otherwise);
    }
    const protocol = found.kind === 'garbled' ? 'other' : found.kind;
    // What begins like TLS does not get past `unknownName` by being broken.
    const isClosed = found.kind === 'garbled' && shape.plan.resetsUnknown;
    const action = shape.table.plain(protocol, port) ?? (isClosed ? null : shape.action);
    this.choose(action, `nothing takes the protocol "${protocol}"`);
  }

  /**
   * It is known what is done with the connection.
   *
   * @param action null: it is broken off.
   * @param otherwise why there is none.
   * @param bytes of the client that were read already; null: none.
   */
  choose(action: Action | null, otherwise: string, bytes: Buffer | null = null): void {
    const { session } = this;
    session.wire.pause();
    if (bytes !== null) this.keep(bytes, 0, bytes.length);
    if (action === null) return session.over(otherwise);
    session.action = action;
    const { admission } = action;
    if (admission === null) return this.begin(action);
    const { clientIp } = session.client;
    this.stage = stage.asking;
    this.deadline = Number.POSITIVE_INFINITY;
    const enter = (entered: boolean) => {
      if (this.stage === stage.over) {
        if (entered) admission.leave(clientIp);
      } else if (entered) {
        session.admission = admission;
        this.begin(action);
      } else {
        session.refuse();
      }
    };
    const entered = admission.admit(clientIp, enter);
    if (entered !== null) enter(entered);
  }

  private begin(action: Action): void {
    const { session } = this;
    const { plan, tlsEnd } = action;
    // Then its close is on its way.
    if (session.wire.isClosed) return;
    if (plan.usesWeb) return this.handOver(action);
    if (tlsEnd === null) return this.connect(action);
    this.stage = stage.handshake;
    // The terminator has a deadline of its own.
    this.deadline = Number.POSITIVE_INFINITY;
    session.isTls = true;
    const socket = session.wire.toSocket(this.takeStash());
    this.handshaking = socket;
    socket.once('close', () => {
      if (this.stage === stage.handshake) session.over('the TLS handshake failed');
    });
    tlsEnd.take(socket, (secure) => this.secured(secure, action));
  }

  private secured(socket: TLSSocket, action: Action): void {
    const { session } = this;
    if (this.stage !== stage.handshake) return void socket.destroy();
    const { servername } = socket as { servername?: string | false | null };
    if (typeof servername === 'string' && servername !== '') {
      session.serverName = servername.toLowerCase();
    }
    const version = socket.getProtocol() ?? '';
    this.endedTls = { version, cipher: socket.getCipher().name, alpn: socket.alpnProtocol || '' };
    this.handshaking = null;
    session.wire = Wire.secure(socket, this);
    session.wire.pause();
    this.connect(action);
  }

  private handOver(action: Action): void {
    const { session } = this;
    const { engine, handsOver } = session.owner;
    const { bridge } = engine;
    if (bridge === null || !handsOver) return session.over('there is no web plane');
    const { client, shape, isTls } = session;
    this.stage = stage.over;
    session.opening = null;
    session.owner.handedOver(session);
    bridge.handOver({
      entryId: shape.id,
      wire: session.wire,
      bytes: this.takeStash(),
      client,
      tls: isTls ? action.plan.tls : null,
      onClosed: () => session.leave(null),
    });
  }

  private takeStash(): Buffer | null {
    const bytes = this.stash?.taken() ?? null;
    this.stash = null;
    return bytes;
  }

  // The backend.

  private connect(action: Action): void {
    const { session } = this;
    const { client, port, owner } = session;
    const { names } = owner.engine;
    const endpoint = action.pick(port, client.clientIp, this.tried);
    if (endpoint === undefined) return session.over('there is no backend');
    this.stage = stage.connecting;
    session.endpoint = endpoint;
    endpoint.active++;
    endpoint.requests++;
    this.connectingSince = owner.engine.touch();
    this.deadline = this.after(action.plan.timeouts.connectMs);
    const own = endpoint.config.sendProxyProtocol;
    const version = own === undefined ? action.plan.proxyVersion : own === 'v1' ? 1 : 2;
    const { endedTls } = this;
    const header =
      version === 0 ? null : proxyHeaderFor(version, client, session.serverName, endedTls);
    const alpn = endedTls === null || endedTls.alpn === '' ? [] : [endedTls.alpn];
    this.backend = BackendSide.connect(names, this, endpoint.config, port, header, alpn);
  }

  onBackendReady(header: Buffer | null): void {
    const { session, backend } = this;
    const { endpoint, action, shape } = session;
    if (this.stage !== stage.connecting || backend === null) return;
    if (endpoint === null || action === null) return;
    const { engine } = session.owner;
    const now = engine.touch();
    if (isJudged(endpoint)) engine.health.reportSuccess(action, endpoint);
    endpoint.observe(now - this.connectingSince, now);
    shape.tune(session.wire, backend.wire);
    this.stage = stage.over;
    this.backend = null;
    session.relay(backend, header, this.takeStash(), this.clientEnded);
  }

  onBackendClose(error: Error | null): void {
    if (this.stage === stage.connecting) this.retry(reasonOf(error) ?? 'closed while connecting');
  }

  /** The backend could not be reached: the next one, if there is one that may be tried. */
  private retry(reason: string): void {
    const { session } = this;
    const { endpoint, action } = session;
    if (endpoint === null || action === null) return;
    this.backend = null;
    session.endpoint = null;
    endpoint.active--;
    if (isJudged(endpoint) && !isOwnLack(reason)) {
      session.owner.engine.health.reportFailure(action, endpoint, reason);
    }
    this.tried ??= [];
    this.tried.push(endpoint);
    if (this.tried.length <= action.plan.retries) this.connect(action);
    else session.over(`backend "${endpoint.id}" cannot be reached: ${reason}`);
  }

  /** A backend that speaks TLS says nothing before it is ready. */
  onBackendBytes(): void {
    this.session.over('the backend spoke too early');
  }

  onBackendEnd(): void {
    this.backend?.drop();
    if (this.stage === stage.connecting) this.retry('closed while connecting');
  }

  onBackendDrain(): void {
    // Nothing was written that anybody waits for.
  }

  // The client.

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.stage === stage.peeking) this.look(bytes, start, end);
    else if (this.stage !== stage.over) this.keep(bytes, start, end);
  }

  onEnd(): void {
    this.clientEnded = true;
    if (this.stage !== stage.peeking) return;
    const { stash, session } = this;
    if (stash !== null) {
      // No byte will come that could tell more.
      const isTls = stash.bytes[0] === TLS_HANDSHAKE;
      return this.decide({ kind: isTls ? 'garbled' : 'other' });
    }
    const silent = session.shape.table.silent(session.port);
    if (silent !== undefined) this.choose(silent, '');
    // A client that comes and goes, such as a health check, is nobody's failure.
    else session.over(null);
  }

  onDrain(): void {
    // Nothing is written to the client yet.
  }

  onClose(error: Error | null): void {
    this.session.onClose(error);
  }

  // How it ends.

  check(now: number): void {
    if (now < this.deadline) return;
    const { session } = this;
    if (this.stage === stage.connecting) {
      const reason = this.backend?.isUnresolved === true ? 'EAI_AGAIN' : 'ETIMEDOUT';
      this.backend?.drop();
      return this.retry(reason);
    }
    if (this.stage !== stage.peeking) return;
    const silent = this.stash === null ? session.shape.table.silent(session.port) : undefined;
    if (silent !== undefined) this.choose(silent, '');
    else session.over('the first bytes took too long');
  }

  cancel(): void {
    this.stage = stage.over;
    this.backend?.drop();
    this.backend = null;
    this.handshaking?.destroy();
    this.stash = null;
  }

  private after(ms: number): number {
    return ms === 0 ? Number.POSITIVE_INFINITY : this.session.owner.engine.now + ms;
  }
}
