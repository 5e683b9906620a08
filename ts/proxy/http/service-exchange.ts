import {
  type IWebService,
  type IWebServiceAnswer,
  type IWebServiceRequest,
  takesRequest,
} from '../../net/web-service.ts';
import type { ClientConnection } from './client-connection.ts';
import { refusalLines } from './exchange-access.ts';
import { overdue, stage } from './exchange-deadlines.ts';
import { ExchangeState } from './exchange-state.ts';
import { fieldId } from './field-names.ts';
import type { IForwarding } from './forwarding.ts';
import { normalizeTarget } from './kept-head.ts';
import { RequestBody } from './request-body.ts';
import { bodyKind, brokenLimit, type RequestHead } from './request-head.ts';
import { codeOfAnswer } from './statuses.ts';
import { pathOf, resolveDots } from './target.ts';

const continueText = 'HTTP/1.1 100 Continue\r\n\r\n';

/** The exchange of a request that a service answers; null: it is for the routes. */
export function serviceExchange(
  services: readonly IWebService[],
  connection: ClientConnection,
  head: RequestHead,
  headBytes: number,
  host: string,
): ServiceExchange | null {
  const target = resolveDots(head.target);
  if (target === null) return null;
  const { plan, wire } = connection;
  const asked = { host, path: pathOf(target), entrypoint: plan.name, isTls: wire.secure };
  const service = services.find(({ scope }) => takesRequest(scope, asked));
  if (service === undefined) return null;
  return new ServiceExchange(connection, head, headBytes, service, host);
}

/**
 * One request that a part of the router answers, and its answer: the body is collected, the service
 * is asked, and what it says is sent.
 */
export class ServiceExchange extends ExchangeState {
  private readonly service: IWebService;
  private readonly host: string;
  private path = '';
  private query = '';
  private fields: ReadonlyMap<string, string> = new Map();
  private readonly pieces: Buffer[] = [];

  constructor(
    connection: ClientConnection,
    head: RequestHead,
    headBytes: number,
    service: IWebService,
    host: string,
  ) {
    super(connection, head, headBytes, head.fields);
    this.service = service;
    this.host = host;
  }

  /** Takes the request as far as it gets without waiting. `head` is valid for this call only. */
  run(head: RequestHead, forwarding: IForwarding): void {
    const { connection, service } = this;
    const { body, plan } = connection;
    const { bodyBytesMax } = service;
    this.clientIp = forwarding.clientIp;
    this.protocol = forwarding.protocol;
    normalizeTarget(head);
    this.path = pathOf(head.target);
    this.query = head.target.substring(this.path.length + 1);
    if (head.body !== bodyKind.none) {
      const expects = head.fields.has(fieldId.expect) && this.minor > 0;
      this.body = new RequestBody(body, bodyBytesMax, false, expects);
    }
    const status = brokenLimit(head, this.headBytes, { ...plan.limits, bodyBytesMax });
    if (status !== 0) return this.answer(status, codeOfAnswer(status, 'BAD_REQUEST'));
    this.fields = fieldsOf(head);
    this.stage = stage.forwarding;
    if (this.body === null) return this.ask();
    if (!this.body.awaitsContinue) return;
    this.body.awaitsContinue = false;
    connection.wire.writeText(continueText);
  }

  /** The connection may hand over bytes of the body. */
  get wantsBody(): boolean {
    return this.stage >= stage.forwarding && !this.connection.body.complete;
  }

  /** Bytes of the body; returns the position behind those that it took. */
  onRequestBytes(bytes: Buffer, start: number, end: number): number {
    const { connection, pieces } = this;
    const { body: reader, engine } = connection;
    const at = reader.read(bytes, start, end);
    this.lastActivity = engine.now;
    if (this.stage === stage.discarding) {
      this.discard(bytes);
      return at;
    }
    if (reader.failed) this.answer(400, 'BAD_REQUEST');
    else if (reader.total > this.service.bodyBytesMax) this.answer(413, 'BODY_TOO_LARGE');
    else {
      for (let index = 0; index < reader.pieceCount; index++) {
        pieces.push(Buffer.from(bytes.subarray(reader.pieceStart(index), reader.pieceEnd(index))));
      }
      if (reader.complete) this.ask();
    }
    return at;
  }

  /** What is left of a body after its answer. */
  private discard(bytes: Buffer): void {
    const { body: reader } = this.connection;
    const outcome = this.body?.take(bytes, null);
    if (outcome !== 'taken') this.end(false);
    else if (reader.complete) this.end(true);
  }

  private ask(): void {
    const { connection, service, fields } = this;
    const body = this.pieces.length === 1 ? (this.pieces[0] as Buffer) : Buffer.concat(this.pieces);
    this.pieces.length = 0;
    this.sentAt = connection.engine.now;
    const request: IWebServiceRequest = {
      method: this.method,
      host: this.host,
      path: this.path,
      query: this.query,
      headers: fields,
      body,
      clientIp: this.clientIp,
      entrypoint: connection.plan.name,
      isTls: connection.wire.secure,
    };
    service.handle(request).then(
      (answer) => inTurn(() => this.answered(answer)),
      (error: unknown) => this.failed(error),
    );
  }

  private answered({ status, headers, body }: IWebServiceAnswer): void {
    if (this.stage !== stage.forwarding) return;
    const { engine } = this.connection;
    engine.now = performance.now();
    let lines: string;
    try {
      if (!(status >= 200 && status <= 599)) throw new RangeError(`${status} is no status`);
      lines = refusalLines({ headers });
    } catch (error) {
      return this.failed(error);
    }
    this.answer(status, codeOfAnswer(status, 'BAD_REQUEST'), lines, body);
  }

  private failed(error: unknown): void {
    const { engine } = this.connection;
    const { name } = this.service;
    const data = { id: this.id, service: name, error };
    engine.logger.error('service.failed', `"${name}" could not answer a request`, data);
    if (this.stage !== stage.forwarding) return;
    engine.now = performance.now();
    this.answer(500, 'SERVICE_FAILED');
  }

  /** Nothing waits to be sent to a backend. */
  flushRequest(): void {
    // There is none.
  }

  /** The client sent FIN: it may still read the answer, unless the rest of its request will never come. */
  onClientEnd(): void {
    if (this.stage === stage.discarding) return this.end(false);
    if (this.stage !== stage.done && !this.connection.body.complete) this.breakOff();
  }

  /** What was written to the client has left. */
  onClientDrain(): void {
    this.lastActivity = this.connection.engine.now;
  }

  /** The client's connection is gone. */
  onClientClose(): void {
    if (this.stage === stage.done) return;
    if (this.stage !== stage.discarding) this.status = 0;
    this.record();
    this.stage = stage.done;
  }

  /** Called a few times a second: gives up what takes too long. */
  check(now: number): void {
    const { connection } = this;
    if (connection.pace?.isHolding === true) this.lastActivity = now;
    const late = overdue(this.stage, now, this, this.timeouts, connection, null);
    if (late === 'none') return;
    if (late === 'discard') return this.end(false);
    if (late === 'request-body') {
      if (this.body !== null) this.body.isStalled = true;
      return this.answer(408, 'REQUEST_TIMEOUT');
    }
    this.answer(504, 'GATEWAY_TIMEOUT');
  }
}

/** Longest time for which answers follow each other while nobody else has a turn. */
const turnMs = 5;
/** On `performance.now()`; 0: there was no answer since others had theirs. */
let turnEndMs = 0;

/**
 * Does it now, or when others have had their turn. What a service knows at once is answered without
 * the event loop, and so is the request behind it: whoever pipelines requests would keep all others waiting.
 */
function inTurn(work: () => void): void {
  const nowMs = performance.now();
  if (turnEndMs === 0) {
    turnEndMs = nowMs + turnMs;
    setImmediate(() => {
      turnEndMs = 0;
    });
  }
  if (nowMs < turnEndMs) work();
  else setImmediate(work);
}

/** Fields by their names in lower case; those that are repeated as one list. */
function fieldsOf({ fields }: RequestHead): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (let index = 0; index < fields.count; index++) {
    const name = fields.name(index).toLowerCase();
    const before = found.get(name);
    const value = fields.value(index);
    found.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return found;
}
