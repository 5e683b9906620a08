/** Number of a field name that the engine knows; 0 is every other name. */
export const fieldId = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  expect: 10,
  xForwardedFor: 11,
  xForwardedProto: 12,
  xForwardedHost: 13,
  /** Every other name that starts with `X-Forwarded-`. */
  xForwardedOther: 14,
  xRealIp: 15,
  forwarded: 16,
  via: 17,
  xRequestId: 18,
  authorization: 19,
  cookie: 20,
  http2Settings: 21,
  date: 22,
  proxyAuthorization: 23,
  proxyAuthenticate: 24,
  proxy: 25,
  /**
   * A known name, or `X-Forwarded-…`, with `_` for `-`. CGI and its heirs make one variable of both,
   * so that `X_Forwarded_For` would be believed in the place of the field that we write.
   */
  lookalike: 26,
} as const;

/** Highest known number; all fit into one 32-bit set. */
export const fieldIdMax = 26;

const names: readonly [string, number][] = [
  ['host', fieldId.host],
  ['content-length', fieldId.contentLength],
  ['transfer-encoding', fieldId.transferEncoding],
  ['connection', fieldId.connection],
  ['keep-alive', fieldId.keepAlive],
  ['proxy-connection', fieldId.proxyConnection],
  ['te', fieldId.te],
  ['trailer', fieldId.trailer],
  ['upgrade', fieldId.upgrade],
  ['expect', fieldId.expect],
  ['x-forwarded-for', fieldId.xForwardedFor],
  ['x-forwarded-proto', fieldId.xForwardedProto],
  ['x-forwarded-host', fieldId.xForwardedHost],
  ['x-real-ip', fieldId.xRealIp],
  ['forwarded', fieldId.forwarded],
  ['via', fieldId.via],
  ['x-request-id', fieldId.xRequestId],
  ['authorization', fieldId.authorization],
  ['cookie', fieldId.cookie],
  ['http2-settings', fieldId.http2Settings],
  ['date', fieldId.date],
  ['proxy-authorization', fieldId.proxyAuthorization],
  ['proxy-authenticate', fieldId.proxyAuthenticate],
  ['proxy', fieldId.proxy],
];

interface ICandidate {
  bytes: Uint8Array;
  id: number;
}

const slots = 64;
const table: (ICandidate | null)[] = Array.from({ length: slots }, () => null);

for (const [name, id] of names) {
  const bytes = Uint8Array.from(Buffer.from(name, 'latin1'));
  const slot = slotOf(bytes, 0, bytes.length);
  if (table[slot] !== null) throw new Error(`Field names collide: "${name}"`);
  table[slot] = { bytes, id };
}

const knownNames: ReadonlySet<string> = new Set(names.map(([name]) => name));

/** Whether the name, in lower case, has a number of its own. */
export function isKnownName(lowerName: string): boolean {
  return knownNames.has(lowerName);
}

/**
 * Number of the field name that stands from `start` to `end`, whatever its case.
 *
 * One slot by its length, first and last character, then one comparison.
 */
export function fieldIdOf(bytes: Uint8Array, start: number, end: number): number {
  const candidate = table[slotOf(bytes, start, end)];
  if (candidate !== null && candidate !== undefined) {
    const id = compare(bytes, start, end, candidate.bytes, candidate.id);
    if (id !== fieldId.other) return id;
  }
  // All names that begin like `X-Forwarded-For` say something about the client.
  if (end - start <= forwardedPrefix.length || ((bytes[start] as number) | 32) !== 120) return 0;
  const prefixEnd = start + forwardedPrefix.length;
  return compare(bytes, start, prefixEnd, forwardedPrefix, fieldId.xForwardedOther);
}

const forwardedPrefix = Uint8Array.from(Buffer.from('x-forwarded-', 'latin1'));

/** `id` when the bytes are the name, `lookalike` when they differ by underscores only, else 0. */
function compare(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
  id: number,
): number {
  if (name.length !== end - start) return 0;
  let found = id;
  for (let index = 0; index < name.length; index++) {
    const code = bytes[start + index] as number;
    const lower = code >= 65 && code <= 90 ? code | 32 : code;
    if (lower === name[index]) continue;
    if (code !== 95 || name[index] !== 45) return 0;
    found = fieldId.lookalike;
  }
  return found;
}

/** Perfect for the names above: the loop that fills the table proves it at load time. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const first = (bytes[start] as number) | 32;
  const last = (bytes[end - 1] as number) | 32;
  return (end - start + first + last * 53) & (slots - 1);
}
