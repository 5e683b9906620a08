import { createECDH, createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { algorithmOf, type IAlgorithm } from './algorithm.ts';

/**
 * A key that cannot be read. The message names the field, never its content: key files are secret.
 */
export class KeyFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyFormatError';
  }
}

const rsaFields = [
  ['Modulus', 'n'],
  ['PublicExponent', 'e'],
  ['PrivateExponent', 'd'],
  ['Prime1', 'p'],
  ['Prime2', 'q'],
  ['Exponent1', 'dp'],
  ['Exponent2', 'dq'],
  ['Coefficient', 'qi'],
] as const;

/** PKCS8 up to the bare key (RFC 8410 §7). */
const pkcs8Heads: Record<number, string> = {
  15: '302e020100300506032b657004220420',
  16: '3047020100300506032b6571043b0439',
};

/** The text of BIND's `K….private` file, format 1.3. It is secret. */
export function bindPrivateText(entry: IAlgorithm, key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const lines = ['Private-key-format: v1.3', `Algorithm: ${entry.number} (${entry.name})`];
  if (entry.curve === null) {
    for (const [field, member] of rsaFields) lines.push(`${field}: ${base64(jwk[member])}`);
  } else {
    lines.push(`PrivateKey: ${base64(jwk.d)}`);
  }
  return `${lines.join('\n')}\n`;
}

function base64(base64url: unknown): string {
  return Buffer.from(String(base64url), 'base64url').toString('base64');
}

/**
 * Reads the text of BIND's `K….private` file, format 1.2 and 1.3, for every algorithm that is
 * supported.
 *
 * @throws KeyFormatError
 */
export function parseBindPrivate(text: string): { entry: IAlgorithm; privateKey: KeyObject } {
  const fields = fieldsOf(text);
  if (!/^v1\.[23]$/.test(fields.get('Private-key-format') ?? '')) {
    throw new KeyFormatError('The private key is not in BIND\'s format "v1.2" or "v1.3"');
  }
  const number = Number.parseInt(fields.get('Algorithm') ?? '', 10);
  const entry = algorithmOf(number);
  if (entry === undefined) {
    throw new KeyFormatError(`The private key's algorithm ${number} is not supported`);
  }
  return { entry, privateKey: createKey(entry, fields) };
}

function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return fields;
}

function createKey(entry: IAlgorithm, fields: ReadonlyMap<string, string>): KeyObject {
  try {
    if (entry.curve === null) return createPrivateKey({ key: rsaJwk(fields), format: 'jwk' });
    const secret = bytesOf(fields, 'PrivateKey', entry.curveBytes);
    const head = pkcs8Heads[entry.number];
    if (head === undefined) {
      return createPrivateKey({ key: ecJwk(entry, secret), format: 'jwk' });
    }
    const key = Buffer.concat([Buffer.from(head, 'hex'), secret]);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch (error) {
    if (error instanceof KeyFormatError) throw error;
    // Without the cause: what OpenSSL or Node say may quote the input.
    throw new KeyFormatError(`The private key is no key of algorithm ${entry.name}`);
  }
}

function rsaJwk(fields: ReadonlyMap<string, string>): JsonWebKey {
  const jwk: JsonWebKey = { kty: 'RSA' };
  for (const [field, member] of rsaFields) {
    jwk[member] = bytesOf(fields, field, 0).toString('base64url');
  }
  return jwk;
}

function ecJwk(entry: IAlgorithm, secret: Buffer): JsonWebKey {
  const pair = createECDH(entry.number === 13 ? 'prime256v1' : 'secp384r1');
  pair.setPrivateKey(secret);
  // An uncompressed point: 4, x, y.
  const point = pair.getPublicKey();
  return {
    kty: 'EC',
    crv: entry.curve ?? '',
    x: point.toString('base64url', 1, 1 + entry.curveBytes),
    y: point.toString('base64url', 1 + entry.curveBytes),
    d: secret.toString('base64url'),
  };
}

/** @param length that the field must have, but for leading zeros that were left out; 0: any. */
function bytesOf(fields: ReadonlyMap<string, string>, field: string, length: number): Buffer {
  const text = fields.get(field);
  if (text === undefined) throw new KeyFormatError(`The private key has no field "${field}"`);
  const bytes = Buffer.from(text, 'base64');
  const isText = /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  if (!isText || bytes.length === 0 || (length > 0 && bytes.length > length)) {
    throw new KeyFormatError(`The private key's field "${field}" is malformed`);
  }
  return length === 0 ? bytes : Buffer.concat([Buffer.alloc(length - bytes.length), bytes]);
}
