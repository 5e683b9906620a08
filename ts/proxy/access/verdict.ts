import type { IAuthVerdict } from '../../../ts_interfaces/index.ts';

/** Name of a header: a token (RFC 9110 §5.1). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i;

/** Value of a header (RFC 9110 §5.5): no CR, LF, NUL or other control but the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that belong to a connection or to the framing of a message: nobody else may set them. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header (name in lower case) is the router's own business and not a provider's. */
export function isOwnHeader(name: string): boolean {
  return OWN_HEADERS.has(name);
}

/**
 * What a provider's function returned, as a verdict that is safe to use: only `true` lets pass, and
 * headers cannot break the message that they are put into.
 *
 * @throws TypeError when it is neither a boolean nor a usable verdict.
 */
export function verdictOf(value: unknown): IAuthVerdict {
  if (typeof value === 'boolean') return { allow: value };
  if (typeof value !== 'object' || value === null) throw new TypeError('It returned no verdict');
  const { allow, status, headers, removeHeaders, setCookies, body } = value as IAuthVerdict;
  if (typeof allow !== 'boolean') throw new TypeError('Its "allow" is no boolean');
  if (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new TypeError('Its "status" is not between 200 and 599');
  }
  if (body !== undefined && typeof body !== 'string') throw new TypeError('Its "body" is no text');
  const verdict: IAuthVerdict = { allow };
  if (status !== undefined) verdict.status = status;
  if (body !== undefined) verdict.body = body;
  if (headers !== undefined) verdict.headers = safeHeaders(headers);
  if (removeHeaders !== undefined) verdict.removeHeaders = removeHeaders.map(safeName);
  if (setCookies !== undefined) verdict.setCookies = setCookies.map(safeValue);
  return verdict;
}

function safeHeaders(headers: Record<string, string>): Record<string, string> {
  const safe: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!isOwnHeader(safeName(name).toLowerCase())) safe[name.toLowerCase()] = safeValue(value);
  }
  return safe;
}

function safeName(name: unknown): string {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new TypeError('It returned a bad header name');
}

function safeValue(value: unknown): string {
  if (typeof value === 'string' && VALUE.test(value)) return value;
  throw new TypeError('It returned a bad header value');
}
