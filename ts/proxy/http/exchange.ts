import { systemClock } from '../../core/clock.ts';
import { errorTable, type TErrorCode } from '../../core/errors.ts';
import type { Endpoint } from '../endpoint.ts';
import type { IQueueWaiter } from '../request-queue.ts';
import { RetryBudget } from '../retry-budget.ts';
import type { Route } from '../route.ts';
import type { BodyReader } from './body-reader.ts';
import { checkAccess, refusalLines } from './exchange-access.ts';
import { overdue, stage } from './exchange-deadlines.ts';
import { ExchangeState } from './exchange-state.ts';
import { compileChanges } from './field-lines.ts';
import { fieldId } from './field-names.ts';
import type { IForwarding } from './forwarding.ts';
import { normalizeTarget, readAgain } from './kept-head.ts';
import type { KnownRequest } from './known-request.ts';
import { proxyHeaderOf } from './proxy-header.ts';
import { RequestBody } from './request-body.ts';
import {
  buildRequest,
  type IOutgoingRequest,
  isIdempotent,
  redirectOf,
  withChanges,
} from './request-builder.ts';
import { bodyKind, brokenLimit, type RequestHead } from './request-head.ts';
import { buildInformational, buildSwitching } from './response-builder.ts';
import type { ResponseHead } from './response-head.ts';
import { codeOfAnswer, type TAnswerCode } from './statuses.ts';
import { stickyEndpoint } from './sticky.ts';
import { pathOf } from './target.ts';
import { Tunnel } from './tunnel.ts';
import { type IUpstreamOwner, isOwnLack, type UpstreamConnection } from './upstream-connection.ts';
import { UpstreamPool } from './upstream-pool.ts';

/** Retries a second that a route may always make. */
const retriesPerSecondMin = 3;

/**
 * One request and its response, through the hops: match, access, pick, forward, finish.
 *
 * It lives as long as the request. The route and the plans that it began with
 * stay its own, whatever changes meanwhile.
 */
export class Exchange extends ExchangeState implements IUpstreamOwner, IQueueWaiter {
  // Match.

  /** Takes the request as far as it gets without waiting. `head` is valid for this call only. */
  run(head: RequestHead, hostKey: string, forwarding: IForwarding): void {
    const { engine } = this.connection;
    this.clientIp = forwarding.clientIp;
    this.protocol = forwarding.protocol;
    if (!normalizeTarget(head)) return this.answer(400, 'BAD_REQUEST');
    const route = engine.routes.match(hostKey, this.method, pathOf(head.target), head.headerOf);
    if (route === undefined) return this.answer(404, 'NO_ROUTE');
    this.route = route;
    if (route.guard !== null) {
      const { text } = head.fields;
      const onPass = () => this.proceed(readAgain(text), route, forwarding);
      if (!this.isAdmitted(route.guard, head.headerOf, onPass)) return;
    }
    this.proceed(head, route, forwarding);
  }

  private proceed(head: RequestHead, route: Route, forwarding: IForwarding): void {
    const { engine } = this.connection;
    if (this.answersItself(head, route)) return;
    const { plan } = route;
    this.request = buildRequest(head, plan, engine.settings, forwarding);
    if (plan.timeouts !== null) this.timeouts = { ...this.timeouts, ...plan.timeouts };
    if (plan.sticky !== null) this.sticky = stickyEndpoint(head, plan.sticky, route.endpoints);
    if (route.access !== null || engine.settings.hooks?.onRequest !== undefined) {
      this.askAccess(head);
    } else {
      this.remember(head, route, this.request);
      this.enter();
    }
  }

  /** Takes a request that came before on the same connection: all but the sending is done. */
  repeat(known: KnownRequest): void {
    const { connection } = this;
    const { route } = known;
    this.clientIp = connection.peerIp;
    this.protocol = connection.protocol;
    this.route = route;
    this.known = known;
    this.responseHeadBytesMax =
      route.plan.limits?.responseHeadBytesMax ?? connection.plan.limits.responseHeadBytesMax;
    if (route.guard !== null) {
      const headerOf = (name: string) => known.header(name);
      if (!this.isAdmitted(route.guard, headerOf, () => this.enter())) return;
    }
    this.enter();
  }

  /** Answers what no backend is needed for: refused methods, broken limits and redirects. */
  private answersItself(head: RequestHead, { plan }: Route): boolean {
    const { engine, plan: entrypoint, body } = this.connection;
    if (this.method === 'CONNECT' && !plan.allowConnect) {
      const allow = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n';
      this.answer(405, 'METHOD_NOT_ALLOWED', allow);
      return true;
    }
    const limits =
      plan.limits === null ? entrypoint.limits : { ...entrypoint.limits, ...plan.limits };
    const status = brokenLimit(head, this.headBytes, limits);
    if (status !== 0) {
      this.answer(status, codeOfAnswer(status, 'BAD_REQUEST'));
      return true;
    }
    this.responseHeadBytesMax = limits.responseHeadBytesMax;
    const location = redirectOf(head, plan, this.protocol, engine.settings);
    if (location !== null) {
      if (location.to === '') this.answer(400, 'BAD_REQUEST');
      else this.answer(location.status, 'REDIRECT', `Location: ${location.to}\r\n`);
      return true;
    }
    if (head.body === bodyKind.none) return false;
    const replays = isIdempotent(this.method);
    const expects = head.fields.has(fieldId.expect);
    this.body = new RequestBody(body, limits.bodyBytesMax, replays, expects);
    return false;
  }

  /** Lets the connection know a plain request, so that its repetition is recognised. */
  private remember(head: RequestHead, route: Route, request: IOutgoingRequest): void {
    const { connection } = this;
    const plain =
      this.body === null &&
      head.upgrade === '' &&
      !connection.isTrusted &&
      route.plan.sticky === null &&
      route.plan.timeouts === null;
    if (plain) connection.remember(head, route, request, this);
  }

  // Access.

  private askAccess(head: RequestHead): void {
    const { engine } = this.connection;
    checkAccess(
      this,
      head,
      (changes) => {
        if (this.stage === stage.done) return;
        engine.now = performance.now();
        const compiled = compileChanges(changes);
        const { request } = this;
        if (compiled !== null && request !== null) {
          this.request = withChanges(request, compiled);
        }
        this.enter();
      },
      (answer, failed) => {
        if (this.stage === stage.done) return;
        engine.now = performance.now();
        const { status = 401, body } = answer;
        if (failed !== undefined) {
          const { id, route } = this;
          const data = { id, routeId: route?.id, error: failed };
          engine.logger.error('hook.failed', 'A hook failed', data);
        }
        this.answer(status, codeOfAnswer(status, 'FORBIDDEN'), refusalLines(answer), body);
      },
    );
  }

  // Queue.

  private enter(): void {
    const route = this.route as Route;
    route.retryBudget?.request();
    if (route.queue.tryEnter()) {
      this.takePlace(route);
      return this.forward();
    }
    if (!route.queue.wait(this)) return this.answer(503, 'QUEUE_FULL', 'Retry-After: 1\r\n');
    this.stage = stage.queued;
    route.counter.queued++;
    this.connection.engine.tracker.total.queued++;
  }

  admitted(): void {
    this.leaveQueue();
    this.takePlace(this.route as Route);
    this.forward();
  }

  expired(): void {
    this.leaveQueue();
    this.answer(503, 'QUEUE_TIMEOUT', 'Retry-After: 1\r\n');
  }

  refused(): void {
    this.leaveQueue();
    this.answer(503, 'QUEUE_FULL', 'Retry-After: 1\r\n');
  }

  // Pick and forward.

  private forward(): void {
    const route = this.route as Route;
    const endpoint = this.pick(route);
    if (endpoint === undefined) return this.answerNoBackend(route);
    this.endpoint = endpoint;
    endpoint.active++;
    endpoint.requests++;
    const { engine } = this.connection;
    let { pool } = endpoint;
    if (!(pool instanceof UpstreamPool)) {
      pool = engine.pools.poolOf(endpoint.config);
      endpoint.pool = pool;
    }
    const upstreams = pool as UpstreamPool;
    upstreams.idleMax = route.plan.keepAliveMax;
    upstreams.idleMs = this.timeouts.upstreamIdleMs;
    const idle = this.freshOnly ? undefined : upstreams.take();
    if (idle !== undefined) return this.send(idle);
    this.stage = stage.connecting;
    this.sentAt = engine.now;
    this.upstream = upstreams.connect(this);
  }

  private pick(route: Route): Endpoint | undefined {
    const { endpoints } = route;
    const { sticky, tried } = this;
    if (sticky !== null && !sticky.isDead && tried === null) return sticky;
    let endpoint: Endpoint | undefined;
    if (endpoints.length === 1) {
      endpoint = endpoints[0];
      if (endpoint?.isDead || tried !== null) endpoint = undefined;
    } else {
      endpoint = route.balancer.pick(endpoints, this.clientIp, tried);
    }
    this.isStickyNew = route.plan.sticky !== null && endpoint !== sticky;
    return endpoint;
  }

  onUpstreamConnect(upstream: UpstreamConnection): void {
    this.connection.engine.now = performance.now();
    this.send(upstream);
  }

  private send(upstream: UpstreamConnection): void {
    const { connection, body } = this;
    this.upstream = upstream;
    this.stage = stage.forwarding;
    this.sentAt = connection.engine.now;
    this.lastActivity = this.sentAt;
    upstream.begin(this);
    const head = this.headFor(upstream.pool.authority);
    if (body === null) {
      upstream.wire.writeText(head);
      return;
    }
    body.begin(upstream, head);
    connection.resumeBody();
  }

  proxyHeader(version: 1 | 2): Buffer {
    return proxyHeaderOf(this.connection, this.clientIp, version);
  }

  /** The connection may hand over bytes of the body. */
  get wantsBody(): boolean {
    return this.stage >= stage.forwarding && !this.connection.body.complete;
  }

  /** Bytes of the body; returns the position behind those that it took. */
  onRequestBytes(bytes: Buffer, start: number, end: number): number {
    const { connection, body } = this;
    const { body: reader, engine } = connection;
    const at = reader.read(bytes, start, end);
    this.lastActivity = engine.now;
    const outcome = body === null ? 'taken' : body.take(bytes, this.upstream);
    if (outcome === 'malformed') this.refuseBody(400, 'BAD_REQUEST');
    else if (outcome === 'too-large') this.refuseBody(413, 'BODY_TOO_LARGE');
    else if (outcome === 'discarded-too-much') this.end(false);
    else if (outcome === 'blocked') connection.isBodyBlocked = true;
    if (!reader.complete || reader.failed) return at;
    this.sentAt = engine.now;
    if (this.stage === stage.discarding) this.end(true);
    return at;
  }

  /** Sends a head that found no body to go with. */
  flushRequest(): void {
    if (this.body !== null && this.upstream !== null && this.stage === stage.forwarding) {
      this.body.flush(this.upstream);
    }
  }

  private refuseBody(status: number, code: TAnswerCode): void {
    if (this.stage >= stage.responding) this.breakOff();
    else this.answer(status, code);
  }

  onUpstreamDrain(): void {
    this.lastActivity = performance.now();
    this.connection.resumeBody();
  }

  // The response.

  onInformational(head: ResponseHead): void {
    this.lastActivity = performance.now();
    if (this.minor === 0) return;
    if (this.body !== null && head.status === 100) this.body.awaitsContinue = false;
    const { wire } = this.connection;
    if (!wire.writeText(buildInformational(head))) this.upstream?.wire.pause();
  }

  onResponseHead(upstream: UpstreamConnection, head: ResponseHead, body: BodyReader): void {
    const route = this.route as Route;
    const endpoint = this.endpoint as Endpoint;
    const { engine } = this.connection;
    engine.now = performance.now();
    this.lastActivity = engine.now;
    engine.health.reportSuccess(route, endpoint);
    endpoint.observe(engine.now - this.sentAt, engine.now);
    const { status } = head;
    if (status === 101 || (this.method === 'CONNECT' && status < 300)) {
      return this.openTunnel(upstream, route, head);
    }
    // Who was refused before it sent its body may leave it out: the next bytes could be anything.
    const awaitsContinue = this.body?.awaitsContinue === true;
    this.status = status;
    this.stage = stage.responding;
    const { response } = this.connection;
    response.begin(head, route.plan, body, {
      minor: this.minor,
      method: this.method,
      keepAlive: this.keepAlive && !this.connection.isLeaving && !awaitsContinue,
      rateLines: this.rateLines,
    });
    if (this.isStickyNew) {
      response.addStickyCookie(route.plan, endpoint, this.protocol === 'https');
    }
    const hook = engine.settings.hooks?.onResponse;
    if (hook !== undefined) response.runHook(hook, this, status, engine.logger);
  }

  onResponseBody(bytes: Buffer, body: BodyReader): void {
    const { connection } = this;
    const { wire, engine, response } = connection;
    if (response.isHeadSent) engine.now = performance.now();
    this.lastActivity = engine.now;
    if (!connection.wrote(response.write(wire, bytes, body))) this.upstream?.wire.pause();
  }

  onResponseEnd(upstream: UpstreamConnection, reusable: boolean): void {
    const { body, engine } = this.connection;
    this.upstream = null;
    // A backend that has not taken the whole request would take its rest for the next one.
    const isSent = body.complete && (this.body === null || upstream.wire.pendingBytes === 0);
    if (reusable && isSent) upstream.pool.release(upstream, engine.now);
    else upstream.wire.destroy();
    this.endResponse();
  }

  private openTunnel(upstream: UpstreamConnection, route: Route, head: ResponseHead): void {
    const { connection } = this;
    const { status } = head;
    // Nobody asked for it, or it comes before the request is complete: what follows is no tunnel.
    const isWrong = (status === 101 && this.upgrade === '') || !connection.body.complete;
    if (isWrong) return this.answer(502, 'BAD_GATEWAY');
    const text =
      status === 101
        ? buildSwitching(head, route.plan, this.rateLines)
        : `HTTP/1.1 ${status} ${head.reason}\r\n\r\n`;
    this.status = status;
    this.upstream = null;
    // What was sent is not sent again: a tunnel may live for days.
    this.request = null;
    this.rateLines = '';
    // It is no request any more: others need not wait for it.
    this.givePlaceBack();
    connection.wire.writeText(text);
    connection.beginTunnel(
      new Tunnel(this, upstream, this.timeouts.tunnelIdleMs, () => this.record()),
    );
  }

  // How it ends.

  /**
   * The client sent FIN. It may still read the response, unless it only waits
   * in the queue, or the rest of its request will never come.
   */
  onClientEnd(): void {
    if (this.stage === stage.discarding) return this.end(false);
    if (this.stage === stage.queued) this.leaveLine();
    // Before it is forwarded, the body waits in the connection.
    else if (this.stage < stage.forwarding || this.connection.body.complete) return;
    if (this.stage !== stage.done) this.breakOff();
  }

  /** What was written to the client has left. */
  onClientDrain(): void {
    this.lastActivity = this.connection.engine.now;
    this.upstream?.wire.resume();
  }

  /** The client's connection is gone. */
  onClientClose(): void {
    if (this.stage === stage.done) return;
    if (this.stage === stage.queued) this.leaveLine();
    if (this.stage !== stage.discarding) this.status = 0;
    this.dropUpstream();
    this.record();
    this.stage = stage.done;
  }

  onUpstreamFailure(upstream: UpstreamConnection, code: TErrorCode, reason: string): void {
    const { engine } = this.connection;
    engine.now = performance.now();
    this.upstream = null;
    if (this.stage === stage.responding) return this.breakOff();
    const route = this.route as Route;
    const endpoint = this.endpoint as Endpoint;
    const connecting = this.stage === stage.connecting;
    // An old connection that closed says nothing about the backend: a new one is tried.
    const stale = upstream.reused && !upstream.answered && code === 'UPSTREAM_RESET';
    // A slow or garbled answer says that this request is a problem, not that the backend is gone.
    const isAnswer = code === 'UPSTREAM_INVALID' || (code === 'UPSTREAM_TIMEOUT' && !connecting);
    const isTheirs = !stale && !isAnswer && !isOwnLack(reason);
    if (isTheirs) engine.health.reportFailure(route, endpoint, reason);
    if (!isAnswer && this.mayRetry(route, code, connecting, stale)) {
      endpoint.active--;
      this.endpoint = null;
      if (stale) this.freshOnly = true;
      else this.tried = [...(this.tried ?? []), endpoint];
      this.retries++;
      route.counter.retries++;
      engine.tracker.total.retries++;
      return this.forward();
    }
    engine.logger.debug('request.failed', 'A backend failed', { id: this.id, code, reason });
    if (isOwnLack(reason)) return this.answer(503, 'OVERLOADED', 'Retry-After: 1\r\n');
    if (route.endpoints.every((each) => each.isDead)) return this.answerNoBackend(route);
    if (code === 'UPSTREAM_TIMEOUT') return this.answer(504, 'GATEWAY_TIMEOUT');
    this.answer(502, 'BAD_GATEWAY');
  }

  /** Whether another attempt is safe, of use, and within the route's means. */
  private mayRetry(route: Route, code: TErrorCode, connecting: boolean, stale: boolean): boolean {
    if (errorTable[code].retry !== 'now') return false;
    const { body } = this;
    const unsent = connecting && (body === null || body.isUntouched);
    if (!unsent && !(isIdempotent(this.method) && (body === null || body.canReplay))) return false;
    if (stale) return !this.freshOnly;
    const failed = (this.tried?.length ?? 0) + 1;
    if (failed > route.plan.retriesMax || failed >= route.endpoints.length) return false;
    route.retryBudget ??= new RetryBudget(
      route.config.retry?.budget ?? 0.2,
      retriesPerSecondMin,
      systemClock,
    );
    return route.retryBudget.tryRetry();
  }

  /** Called a few times a second: gives up what takes too long. */
  check(now: number): void {
    const { timeouts, connection } = this;
    if (connection.pace?.isHolding === true) this.lastActivity = now;
    const late = overdue(this.stage, now, this, timeouts, connection, this.upstream);
    switch (late) {
      case 'none':
        break;
      case 'total':
        this.giveUp();
        break;
      case 'request-body':
        if (this.body !== null) this.body.isStalled = true;
        this.answer(408, 'REQUEST_TIMEOUT');
        break;
      case 'response':
        this.breakOff(connection.wire.pendingBytes > 0);
        break;
      case 'discard':
        this.end(false);
        break;
      default:
        this.upstream?.timeout(late);
    }
  }

  private giveUp(): void {
    if (this.stage >= stage.responding) return this.breakOff();
    if (this.stage === stage.queued) this.leaveLine();
    this.answer(504, 'GATEWAY_TIMEOUT');
  }

  private leaveLine(): void {
    this.route?.queue.cancel(this);
    this.leaveQueue();
  }
}
