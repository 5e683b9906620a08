import { rateFields } from '../rate-limits.ts';
import type { IRoutePlan } from '../route-plan.ts';
import type { BodyReader } from './body-reader.ts';
import { framing } from './body-writer.ts';
import { changeLines, fieldLines } from './field-lines.ts';
import { fieldId } from './field-names.ts';
import { bodyKind } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';
import { httpDate } from './statuses.ts';

/** Fields of a response that stay behind. */
const dropped =
  (1 << fieldId.connection) |
  (1 << fieldId.keepAlive) |
  (1 << fieldId.proxyConnection) |
  (1 << fieldId.te) |
  (1 << fieldId.transferEncoding) |
  (1 << fieldId.upgrade) |
  (1 << fieldId.proxyAuthenticate);

/** 1xx and 204 have no length (RFC 9110 §8.6): whoever believed one would wait for a body. */
const droppedWithLength = dropped | (1 << fieldId.contentLength);

/** What of the request decides how a response is sent. */
export interface IResponseContext {
  /** Minor HTTP version of the client. */
  minor: number;
  method: string;
  /** The connection stays open after this response, as far as the request is concerned. */
  keepAlive: boolean;
  /** Fields that tell how the route's rate limits stand, '' without limits. */
  rateLines: string;
}

/** A response's head ready to be sent, and how its body has to be framed. */
export interface IOutgoingResponse {
  /** Status line and field lines without the framing ones. */
  lines: string;
  /** `Connection`, `Transfer-Encoding` and the head's end. */
  end: string;
  framing: number;
  /** The connection stays open after the body. */
  keepAlive: boolean;
}

/** Rebuilds a final response from its parsed parts (RFC 9112 §6 decides the framing). */
export function buildResponse(
  head: ResponseHead,
  plan: IRoutePlan,
  body: BodyReader,
  context: IResponseContext,
): IOutgoingResponse {
  head.rebuilt ??= rebuild(head);
  let lines = head.rebuilt;
  if (!head.fields.has(fieldId.date)) lines += `Date: ${httpDate()}\r\n`;
  if (context.rateLines !== '') lines = withRateLines(lines, context.rateLines);
  if (plan.responseChanges !== null) lines = changeLines(lines, plan.responseChanges);
  const open = body.kind === bodyKind.chunked || body.kind === bodyKind.untilClose;
  const chunked = open && context.minor === 1;
  const keepAlive = context.keepAlive && (!open || chunked);
  let end = '\r\n';
  if (!keepAlive) end = 'Connection: close\r\n\r\n';
  else if (context.minor === 0) end = 'Connection: keep-alive\r\n\r\n';
  return {
    lines,
    end: chunked ? `Transfer-Encoding: chunked\r\n${end}` : end,
    framing: chunked ? framing.chunked : framing.raw,
    keepAlive,
  };
}

/** Status line and fields as one flat text, since a repeated head uses it again. */
function rebuild(head: ResponseHead): string {
  const mask = head.status === 204 ? droppedWithLength : dropped;
  return statusLine(head) + fieldLines(head.fields, mask, head.nominated);
}

/** The head of a 1xx response. */
export function buildInformational(head: ResponseHead): string {
  return `${statusLine(head)}${fieldLines(head.fields, droppedWithLength, head.nominated)}\r\n`;
}

/** The head of a 101 response: the protocol that was agreed on goes with it. */
export function buildSwitching(head: ResponseHead, plan: IRoutePlan, rateLines = ''): string {
  const protocol = head.fields.joined(fieldId.upgrade);
  let lines = fieldLines(head.fields, droppedWithLength, head.nominated);
  if (rateLines !== '') lines = withRateLines(lines, rateLines);
  if (plan.responseChanges !== null) lines = changeLines(lines, plan.responseChanges);
  return `${statusLine(head)}${lines}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
}

/** Field lines with ours about rate limits in place of those that are there. */
export function withRateLines(lines: string, rateLines: string): string {
  return changeLines(lines, { gone: rateFields, lines: rateLines, host: null });
}

function statusLine(head: ResponseHead): string {
  const { fields } = head;
  if (head.isLineCanonical) return fields.text.substring(0, fields.start);
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
}
