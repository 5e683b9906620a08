/** DNS cookies: RFC 7873, with server cookies that all servers of a name understand: RFC 9018. */

import { timingSafeEqual } from 'node:crypto';
import { ednsOption, findOption, type IEdns, type IEdnsOption } from './edns.ts';
import { sipHash24 } from './siphash.ts';

/** What a COOKIE option says. */
export interface ICookie {
  /** Eight bytes. */
  readonly client: Buffer;
  /** 8 to 32 bytes; null: the client does not know one yet. */
  readonly server: Buffer | null;
}

/** Bytes of the secret. */
export const cookieSecretBytes = 16;

const clientBytes = 8;
const serverBytes = 16;
const olderSecondsMax = 3600;
const newerSecondsMax = 300;
const renewalSeconds = 1800;

/** The cookie of a message; null: none; `malformed` is answered FORMERR (RFC 7873 §5.2.2). */
export function readCookie(edns: IEdns | null): ICookie | null | 'malformed' {
  const data = findOption(edns, ednsOption.COOKIE);
  if (data === undefined) return null;
  const isComplete = data.length >= clientBytes + 8 && data.length <= clientBytes + 32;
  if (data.length !== clientBytes && !isComplete) return 'malformed';
  const client = data.subarray(0, clientBytes);
  return { client, server: isComplete ? data.subarray(clientBytes) : null };
}

/** The option of a cookie. */
export function cookieOption({ client, server }: ICookie): IEdnsOption {
  const data = server === null ? client : Buffer.concat([client, server]);
  return { code: ednsOption.COOKIE, data };
}

/**
 * Makes the server cookie of a client: RFC 9018 §4.
 *
 * @param address the client's, 4 or 16 bytes.
 * @param nowSeconds since 1970.
 */
export function makeServerCookie(
  secret: Buffer,
  client: Buffer,
  address: Buffer,
  nowSeconds: number,
): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 1;
  head.writeUInt32BE(nowSeconds >>> 0, 4);
  return Buffer.concat([head, hashOf(secret, client, head, address)]);
}

function hashOf(secret: Buffer, client: Buffer, head: Buffer, address: Buffer): Buffer {
  return sipHash24(secret, Buffer.concat([client, head, address]));
}

/**
 * Whether a server cookie was made with one of the secrets for this client: at most an hour ago, or
 * five minutes ahead of our clock. `renew`: it is good, but half an hour old or of an older secret,
 * so that the answer carries a new one. Every good answer may carry one.
 *
 * @param secrets the first one is the current one.
 */
export function checkServerCookie(
  secrets: readonly Buffer[],
  cookie: ICookie,
  address: Buffer,
  nowSeconds: number,
): 'good' | 'renew' | 'bad' {
  const { client, server } = cookie;
  if (server?.length !== serverBytes || server[0] !== 1) return 'bad';
  // Serial numbers: the time is taken modulo 2^32 (RFC 9018 §4.3).
  const age = (nowSeconds - server.readUInt32BE(4)) | 0;
  if (age > olderSecondsMax || age < -newerSecondsMax) return 'bad';
  const index = secrets.findIndex((secret) =>
    timingSafeEqual(hashOf(secret, client, server.subarray(0, 8), address), server.subarray(8)),
  );
  if (index === -1) return 'bad';
  return index > 0 || age > renewalSeconds ? 'renew' : 'good';
}
