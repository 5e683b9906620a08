import type { ILogger } from '../../core/logger.ts';
import type { Wire } from '../../net/wire.ts';
import type { Endpoint } from '../endpoint.ts';
import type { IRoutePlan } from '../route-plan.ts';
import type { BodyReader } from './body-reader.ts';
import { framing, writeBody } from './body-writer.ts';
import { responseHookLines } from './exchange-access.ts';
import type { ExchangeState } from './exchange-state.ts';
import { bodyKind } from './request-head.ts';
import { buildResponse, type IResponseContext } from './response-builder.ts';
import type { ResponseHead } from './response-head.ts';
import { stickyCookieLine } from './sticky.ts';

/** The response on its way to the client; a connection uses the same one for all its requests. */
export class ResponseRelay {
  /** The connection stays open after the response. */
  keepAlive = true;
  /** The client can tell a response that broke off from a complete one. */
  isDelimited = true;
  /** The head has left; only data follows. */
  get isHeadSent(): boolean {
    return this.head === '';
  }

  private head = '';
  private end = '';
  private framing: number = framing.raw;

  /** Prepares the head; it leaves together with the first bytes of the body. */
  begin(head: ResponseHead, plan: IRoutePlan, body: BodyReader, context: IResponseContext): void {
    const response = buildResponse(head, plan, body, context);
    this.head = response.lines;
    this.end = response.end;
    this.framing = response.framing;
    this.keepAlive = response.keepAlive;
    this.isDelimited = response.framing === framing.chunked || body.kind <= bodyKind.length;
  }

  /** Adds the cookie that brings the client back to the endpoint. */
  addStickyCookie(plan: IRoutePlan, endpoint: Endpoint, isTls: boolean): void {
    if (plan.sticky !== null) this.head += stickyCookieLine(plan.sticky, endpoint, isTls);
  }

  /** Lets `hooks.onResponse` change the head. */
  runHook(
    hook: Parameters<typeof responseHookLines>[0],
    exchange: ExchangeState,
    status: number,
    logger: ILogger,
  ): void {
    this.head = responseHookLines(hook, exchange, status, this.head, logger);
  }

  /** Sends what `body` found in `bytes`; false when the writer should wait for `onDrain`. */
  write(wire: Wire, bytes: Buffer, body: BodyReader): boolean {
    const { head } = this;
    if (head === '') return writeBody(wire, '', bytes, body, this.framing);
    this.head = '';
    return writeBody(wire, head + this.end, bytes, body, this.framing);
  }
}
