import type { IRoutePlan } from '../route-plan.ts';
import type { IWebSettings } from './engine.ts';
import { changeLines, fieldLines, type ICompiledChanges } from './field-lines.ts';
import { fieldId } from './field-names.ts';
import { forwardedLine, type IForwarding } from './forwarding.ts';
import { listItems } from './list-values.ts';
import { bodyKind, type RequestHead } from './request-head.ts';
import { pathOf, rewritePath } from './target.ts';

/** Fields of a request that stay behind, because they end here or are written anew. */
const dropped =
  bits(fieldId.host, fieldId.connection, fieldId.keepAlive, fieldId.proxyConnection) |
  bits(fieldId.te, fieldId.transferEncoding, fieldId.upgrade, fieldId.http2Settings) |
  bits(fieldId.xForwardedFor, fieldId.xForwardedProto, fieldId.xForwardedHost) |
  bits(fieldId.xForwardedOther, fieldId.xRealIp, fieldId.forwarded, fieldId.via) |
  bits(fieldId.xRequestId, fieldId.proxyAuthorization, fieldId.proxy, fieldId.lookalike);

/** What a trusted proxy says beyond the fields that are written anew goes on. */
const droppedFromTrusted = dropped & ~bits(fieldId.xForwardedOther);

function bits(...ids: number[]): number {
  return ids.reduce((mask, id) => mask | (1 << id), 0);
}

/** A request ready to be sent, but for the value of Host, which can depend on the backend, and its id. */
export interface IOutgoingRequest {
  /** Request line with its CRLF, and `Host: `. */
  readonly line: string;
  /** The end of the Host line, and field lines without those of the framing. */
  readonly lines: string;
  /** Transfer-Encoding, Upgrade and TE, which belong to this hop, and `X-Request-Id: ` with `hasId`. */
  readonly end: string;
  /** The request's id is sent; false when the route or a hook has taken or set the header itself. */
  readonly hasId: boolean;
}

/**
 * Rebuilds a request from its parsed parts.
 *
 * Hop-by-hop fields stay behind (RFC 9110 §7.6.1), forwarding fields are
 * written anew, then the route's own changes are made.
 */
export function buildRequest(
  head: RequestHead,
  plan: IRoutePlan,
  settings: IWebSettings,
  forwarding: IForwarding,
): IOutgoingRequest {
  const { fields } = head;
  const mask = forwarding.isTrusted ? droppedFromTrusted : dropped;
  let lines = forwarding.lines + viaLine(head, settings) + fieldLines(fields, mask, head.nominated);
  if (plan.forwarded) lines += forwardedLine(head, forwarding, settings.serverName);
  const end = framingLines(head);
  const request = { line: requestLine(head, plan), lines: `\r\n${lines}`, end, hasId: true };
  return plan.requestChanges === null ? request : withChanges(request, plan.requestChanges);
}

/** Says who forwarded the request, and in which version it came (RFC 9110 §7.6.3). */
function viaLine({ fields, minor }: RequestHead, { via, serverName }: IWebSettings): string {
  const own = minor === 0 ? `1.0 ${serverName}` : via;
  return fields.has(fieldId.via)
    ? `Via: ${fields.joined(fieldId.via)}, ${own}\r\n`
    : `Via: ${own}\r\n`;
}

/** The request with header changes made. */
export function withChanges(
  request: IOutgoingRequest,
  changes: ICompiledChanges,
): IOutgoingRequest {
  const lines = changeLines(request.lines, changes);
  if (!request.hasId || changes.gone?.test(idLine) !== true) return { ...request, lines };
  return { ...request, lines, end: request.end.slice(0, -idLine.length), hasId: false };
}

function requestLine(head: RequestHead, plan: IRoutePlan): string {
  const { stripPrefix, addPrefix } = plan;
  // A line that nothing changes is its own rebuilt form: the parser allows one only.
  if (stripPrefix === null && addPrefix === null && head.isLineUnchanged) {
    return `${head.fields.text.substring(0, head.fields.start)}Host: `;
  }
  const target = rewritePath(head.target, stripPrefix, addPrefix);
  return `${head.method} ${target} HTTP/1.1\r\nHost: `;
}

const idLine = 'X-Request-Id: ';

function framingLines(head: RequestHead): string {
  const { fields, upgrade } = head;
  if (head.body !== bodyKind.chunked && upgrade === '' && !fields.has(fieldId.te)) return idLine;
  let lines = '';
  if (head.body === bodyKind.chunked) lines += 'Transfer-Encoding: chunked\r\n';
  if (upgrade !== '') return `${lines}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n${idLine}`;
  const codings = listItems(fields.joined(fieldId.te).toLowerCase());
  if (codings.includes('trailers')) lines += 'TE: trailers\r\nConnection: TE\r\n';
  return lines + idLine;
}

/** True for the methods that may be sent twice (RFC 9110 §9.2.2). */
export function isIdempotent(method: string): boolean {
  return (
    method === 'GET' ||
    method === 'HEAD' ||
    method === 'PUT' ||
    method === 'DELETE' ||
    method === 'OPTIONS' ||
    method === 'TRACE'
  );
}

/**
 * Where the route sends the client instead of answering; null: nowhere. `to` is '' when the target
 * needs a host and the request, of HTTP/1.0, names none.
 */
export function redirectOf(
  head: RequestHead,
  plan: IRoutePlan,
  protocol: 'http' | 'https',
  { httpsPort }: IWebSettings,
): { status: number; to: string } | null {
  // The `*` of OPTIONS is no path.
  const target = head.target === '*' ? '' : head.target;
  if (plan.autoHttps && protocol === 'http' && httpsPort !== null) {
    const port = httpsPort === 443 ? '' : `:${httpsPort}`;
    return { status: 308, to: head.host === '' ? '' : `https://${head.host}${port}${target}` };
  }
  const { redirect } = plan;
  if (redirect === null) return null;
  const path = pathOf(target);
  const parts: Record<string, string> = {
    host: head.authority,
    path,
    query: target.slice(path.length),
  };
  if (head.authority === '' && redirect.to.includes('{host}')) return { status: 308, to: '' };
  const fill = (_: string, name: string): string => parts[name] as string;
  return { status: redirect.status, to: redirect.to.replace(/\{(host|path|query)\}/g, fill) };
}
