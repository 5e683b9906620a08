import type { Endpoint } from '../endpoint.ts';
import type { IRateOutcome } from '../rate-limits.ts';
import type { QueueEntry } from '../request-queue.ts';
import type { Route } from '../route.ts';
import type { IRouteGuard } from '../route-guard.ts';
import type { THeaderOf } from '../route-match.ts';
import type { TTimeouts } from '../route-plan.ts';
import type { ClientConnection } from './client-connection.ts';
import { type IProgress, stage } from './exchange-deadlines.ts';
import { recordExchange } from './exchange-end.ts';
import { fieldId } from './field-names.ts';
import type { FieldTable } from './field-table.ts';
import type { IRequestSummary, KnownRequest } from './known-request.ts';
import type { RequestBody } from './request-body.ts';
import type { IOutgoingRequest } from './request-builder.ts';
import { newRequestId } from './request-id.ts';
import { withRateLines } from './response-builder.ts';
import type { TAnswerCode } from './statuses.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/**
 * What an exchange knows and how it ends: its state, the answers that the
 * router gives by itself, and the one exit that counts and logs.
 */
export abstract class ExchangeState implements IProgress {
  readonly id: string;
  readonly method: string;
  readonly uri: string;
  readonly authority: string;
  readonly startedAt: number;
  readonly headBytes: number;
  readonly connection: ClientConnection;
  queueEntry: QueueEntry | null = null;
  stage: number = stage.access;
  clientIp = '';
  protocol: 'http' | 'https' = 'http';
  route: Route | null = null;
  endpoint: Endpoint | null = null;
  /** Of the response; 0 before there is one, and when it broke off. */
  status = 0;
  retries = 0;
  bytesOut: number;
  /** Read for the access log only. */
  userAgent: string | undefined;
  /** Read for the access log only. */
  referer: string | undefined;
  responseHeadBytesMax = 0;
  /** Field lines of the answer that tell how the route's rate limits stand. */
  protected rateLines = '';
  protected readonly minor: number;
  protected readonly keepAlive: boolean;
  protected readonly upgrade: string;
  protected timeouts: TTimeouts;
  protected request: IOutgoingRequest | null = null;
  protected known: KnownRequest | null = null;
  /** null: the request has no body. */
  protected body: RequestBody | null = null;
  protected upstream: UpstreamConnection | null = null;
  protected tried: Endpoint[] | null = null;
  /** An idle connection turned out to be closed: the next attempt opens one. */
  protected freshOnly = false;
  protected sticky: Endpoint | null = null;
  protected isStickyNew = false;
  protected hasPlace = false;
  protected isRecorded = false;
  /** Monotonic milliseconds. */
  sentAt: number;
  lastActivity: number;

  /** @param fields null for a known request, of which only the summary is left. */
  constructor(
    connection: ClientConnection,
    head: IRequestSummary,
    headBytes: number,
    fields: FieldTable | null,
  ) {
    const { engine, plan, wire } = connection;
    this.connection = connection;
    this.method = head.method;
    this.uri = head.target;
    this.authority = head.authority;
    this.minor = head.minor;
    this.keepAlive = head.keepAlive;
    this.upgrade = head.upgrade;
    this.headBytes = headBytes;
    this.timeouts = plan.timeouts;
    this.startedAt = engine.now;
    this.sentAt = engine.now;
    this.lastActivity = engine.now;
    this.bytesOut = wire.bytesWritten;
    const trusted = fields !== null && connection.isTrusted;
    this.id = trusted ? trustedRequestId(fields) : newRequestId();
    if (engine.accessLog === null) return;
    this.userAgent = fields === null ? head.userAgent : fields.lookup('user-agent');
    this.referer = fields === null ? head.referer : fields.lookup('referer');
  }

  /** It asks to become a WebSocket. */
  get isWebSocket(): boolean {
    return /\bwebsocket\b/i.test(this.upgrade);
  }

  /**
   * Asks the route's address rules and rate limits.
   *
   * @param headerOf is asked before this returns only.
   * @param onPass called later, when the answer comes later and is yes.
   * @returns true: the request may go on now. False: it is answered, or will be, or waits.
   */
  protected isAdmitted(
    { rules, rates }: IRouteGuard,
    headerOf: THeaderOf,
    onPass: () => void,
  ): boolean {
    const { engine } = this.connection;
    if (rules !== null && !rules.allows(this.clientIp)) {
      this.answer(403, 'ACCESS_DENIED');
      return false;
    }
    if (rates === null) return true;
    const outcome = rates.take(this.clientIp, headerOf, engine.now, (later) => {
      // The client may have left meanwhile.
      if (this.stage === stage.done) return;
      engine.now = performance.now();
      if (this.isWithinRates(later)) onPass();
    });
    return outcome !== null && this.isWithinRates(outcome);
  }

  private isWithinRates({ allowed, retryAfterSeconds, lines }: IRateOutcome): boolean {
    this.rateLines = lines;
    if (!allowed) this.answer(429, 'RATE_LIMITED', `Retry-After: ${retryAfterSeconds}\r\n`);
    return allowed;
  }

  protected leaveQueue(): void {
    const { engine } = this.connection;
    engine.now = performance.now();
    (this.route as Route).counter.queued--;
    engine.tracker.total.queued--;
    this.stage = stage.access;
  }

  protected takePlace(route: Route): void {
    this.hasPlace = true;
    route.counter.active++;
    this.connection.engine.tracker.total.active++;
  }

  protected givePlaceBack(): void {
    if (!this.hasPlace) return;
    const route = this.route as Route;
    this.hasPlace = false;
    route.counter.active--;
    this.connection.engine.tracker.total.active--;
    route.queue.leave();
  }

  protected answerNoBackend(route: Route): void {
    const seconds = this.connection.engine.health.retryAfterSeconds(route);
    this.answer(503, 'NO_BACKEND', `Retry-After: ${seconds}\r\n`);
  }

  /** Answers by itself; whatever a backend was doing for this request is given up. */
  protected answer(status: number, code: TAnswerCode, lines = '', body?: string | Buffer): void {
    const { connection } = this;
    this.dropUpstream();
    this.status = status;
    const bodyComplete = connection.body.complete;
    const isReadable = bodyComplete || this.body?.mayDiscard === true;
    const keepAlive = this.keepAlive && isReadable && !connection.isLeaving;
    const told = this.rateLines === '' ? lines : withRateLines(lines, this.rateLines);
    const extra = keepAlive && this.minor === 0 ? `${told}Connection: keep-alive\r\n` : told;
    connection.answer(status, code, extra, !keepAlive, {
      id: this.id,
      body,
      noBody: this.method === 'HEAD',
    });
    connection.response.keepAlive = keepAlive;
    this.endResponse();
  }

  /** The response is complete; the rest of the request is read if the connection is to go on. */
  protected endResponse(): void {
    const { connection } = this;
    const bodyComplete = connection.body.complete;
    if (bodyComplete || !connection.response.keepAlive) return this.end(bodyComplete);
    this.record();
    this.stage = stage.discarding;
    this.lastActivity = connection.engine.now;
    connection.resumeBody();
  }

  /** The request's head as it is sent to a backend. */
  protected headFor(backendAuthority: string): string {
    const { upstreamHost } = (this.route as Route).plan;
    const own = upstreamHost ?? this.authority;
    const host = own === '' ? backendAuthority : own;
    const { known, request } = this;
    if (known !== null) return known.headFor(host) + this.idLine(known.hasId);
    const { line, lines, end, hasId } = request as IOutgoingRequest;
    return line + host + lines + end + this.idLine(hasId);
  }

  private idLine(hasId: boolean): string {
    return hasId ? `${this.id}\r\n\r\n` : '\r\n';
  }

  protected dropUpstream(): void {
    this.upstream?.abandon();
    this.upstream = null;
  }

  /**
   * The exchange cannot be completed: makes sure that the client sees that.
   *
   * @param isHopeless the client would not read what is on its way.
   */
  protected breakOff(isHopeless = false): void {
    const { connection } = this;
    const isVisible = this.stage !== stage.responding || connection.response.isDelimited;
    this.dropUpstream();
    this.status = 0;
    this.record();
    this.stage = stage.done;
    if (isVisible && !isHopeless) connection.close();
    else connection.abort();
  }

  protected end(bodyComplete: boolean): void {
    this.record();
    this.stage = stage.done;
    const { connection } = this;
    connection.next(connection.response.keepAlive, bodyComplete);
  }

  /** Counts, announces and logs the request, once; gives its place to the next one. */
  protected record(): void {
    if (this.isRecorded) return;
    this.isRecorded = true;
    this.bytesOut = this.connection.wire.bytesWritten - this.bytesOut;
    recordExchange(this, this.connection);
    if (this.endpoint !== null) this.endpoint.active--;
    this.givePlaceBack();
  }
}

/** The id that a trusted proxy gave the request, or a new one. */
function trustedRequestId(fields: FieldTable): string {
  const given = fields.first(fieldId.xRequestId);
  return /^[\w.~+/=-]{1,128}$/.test(given) ? given : newRequestId();
}
