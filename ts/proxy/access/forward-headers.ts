import type { IncomingHttpHeaders } from 'node:http';
import type { IAuthRequest } from '../../../ts_interfaces/index.ts';
import { isOwnHeader } from './verdict.ts';

/**
 * Not passed on to the provider: it would answer another question. A conditional request gets 304,
 * a range 206, a compressed refusal could not be passed on as text.
 */
const NOT_ASKED = new Set([
  'accept-encoding',
  'content-encoding',
  'content-type',
  'forwarded',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'x-real-ip',
]);

/**
 * Headers that say nothing about who asks. All others are part of the key under which a yes is
 * remembered, since the provider may have decided by any of them.
 */
const NOT_CREDENTIALS = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'dnt',
  'pragma',
  'priority',
  'purpose',
  'sec-websocket-key',
  'traceparent',
  'tracestate',
  'upgrade-insecure-requests',
  'x-request-id',
]);

/** Headers of a refusal that the client gets; cookies go their own way. */
const REFUSAL_HEADERS = ['content-type', 'location', 'www-authenticate', 'retry-after'] as const;

/** Headers of the question to the provider: the request's own, and what was asked of whom. */
export function questionHeaders(request: IAuthRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  const named = request.headers.connection?.toLowerCase().split(/[\s,]+/) ?? [];
  for (const [name, value] of Object.entries(request.headers)) {
    // What the client claims about itself is replaced by what the router knows.
    if (isOwnHeader(name) || NOT_ASKED.has(name) || name.startsWith('x-forwarded-')) continue;
    if (!named.includes(name)) headers[name] = value;
  }
  headers['x-forwarded-method'] = request.method;
  headers['x-forwarded-uri'] = request.uri;
  headers['x-forwarded-host'] = request.host;
  headers['x-forwarded-proto'] = request.protocol;
  headers['x-forwarded-for'] = request.clientIp;
  return headers;
}

/** Text that is equal for questions that must have the same answer. */
export function questionKey(headers: Record<string, string>): string {
  const lines: string[] = [];
  for (const name of Object.keys(headers).sort()) {
    if (!NOT_CREDENTIALS.has(name)) lines.push(`${name}: ${headers[name]}`);
  }
  return lines.join('\n');
}

/** What the client may see of a refusal's headers. */
export function refusalHeaders(answer: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of REFUSAL_HEADERS) {
    const value = answer[name];
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}

/** Those of the wanted headers that the answer has, and the names of those that it has not. */
export function pickHeaders(
  answer: IncomingHttpHeaders,
  wanted: readonly string[],
): { headers: Record<string, string>; removeHeaders: string[] } {
  const headers: Record<string, string> = {};
  const removeHeaders: string[] = [];
  for (const name of wanted) {
    const value = answer[name];
    if (value === undefined) removeHeaders.push(name);
    else headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { headers, removeHeaders };
}
