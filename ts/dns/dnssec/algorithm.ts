import {
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';

/** What a DNSSEC algorithm is called, needs and looks like on the wire. */
export interface IAlgorithm {
  /** IANA's number. */
  readonly number: number;
  /** IANA's mnemonic, as BIND's key files spell it. */
  readonly name: string;
  /** Digest over the signed data; null where the algorithm has its own. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
  /** Bytes of every signature; 0: as long as the key's modulus. */
  readonly signatureBytes: number;
  /** The curve's name in a JWK; null for RSA. */
  readonly curve: string | null;
  /** Bytes of one coordinate, or of an EdDSA key; 0 for RSA. */
  readonly curveBytes: number;
}

const table: readonly IAlgorithm[] = [
  algorithm(8, 'RSASHA256', 'sha256', 0, null, 0),
  algorithm(10, 'RSASHA512', 'sha512', 0, null, 0),
  algorithm(13, 'ECDSAP256SHA256', 'sha256', 64, 'P-256', 32),
  algorithm(14, 'ECDSAP384SHA384', 'sha384', 96, 'P-384', 48),
  algorithm(15, 'ED25519', null, 64, 'Ed25519', 32),
  algorithm(16, 'ED448', null, 114, 'Ed448', 57),
];

const byNumber = new Map(table.map((entry) => [entry.number, entry]));

function algorithm(
  number: number,
  name: string,
  digest: IAlgorithm['digest'],
  signatureBytes: number,
  curve: string | null,
  curveBytes: number,
): IAlgorithm {
  return Object.freeze({ number, name, digest, signatureBytes, curve, curveBytes });
}

/**
 * An algorithm that we can verify: 8, 10, 13, 14, 15 or 16. Undefined for any other, among them
 * those with SHA-1, which validators treat as unsupported since RFC 9905.
 */
export function algorithmOf(number: number): IAlgorithm | undefined {
  return byNumber.get(number);
}

/** An algorithm by IANA's mnemonic, in any case. */
export function algorithmByName(name: string): IAlgorithm | undefined {
  const upper = name.toUpperCase();
  return table.find((entry) => entry.name === upper);
}

/** Modulus of an RSA key: RFC 5702 §2.1 and §2.2. */
const modulusBitsMin = { 8: 512, 10: 1024 } as const;
const modulusBitsMax = 4096;
/** The cost of a verification grows with the exponent; 35 bits is what BIND accepts. */
const exponentBitsMax = 35;

/**
 * Makes a key of the public key field of a DNSKEY (RFC 3110, 6605, 8080).
 *
 * @returns null when the algorithm is unknown, or the field is malformed, no point of the curve, or
 *   an RSA key that is too small or too expensive.
 */
export function publicKeyOf(number: number, data: Buffer): KeyObject | null {
  const entry = byNumber.get(number);
  if (entry === undefined) return null;
  const jwk = entry.curve === null ? rsaJwk(number, data) : curveJwk(entry, data);
  if (jwk === null) return null;
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    // The bytes have the right shape, but are no point of the curve.
    return null;
  }
}

function curveJwk(entry: IAlgorithm, data: Buffer): JsonWebKey | null {
  const bytes = entry.curveBytes;
  const crv = entry.curve ?? '';
  if (entry.digest === null) {
    return data.length === bytes ? { kty: 'OKP', crv, x: data.toString('base64url') } : null;
  }
  if (data.length !== 2 * bytes) return null;
  const x = data.toString('base64url', 0, bytes);
  const y = data.toString('base64url', bytes);
  return { kty: 'EC', crv, x, y };
}

function rsaJwk(number: number, data: Buffer): JsonWebKey | null {
  const short = data[0] ?? 0;
  const start = short === 0 ? 3 : 1;
  if (data.length <= start) return null;
  const end = start + (short === 0 ? data.readUInt16BE(1) : short);
  const exponent = data.subarray(start, end);
  const modulus = data.subarray(end);
  const bits = bitsOf(modulus);
  const bitsMin = number === 10 ? modulusBitsMin[10] : modulusBitsMin[8];
  if (end >= data.length || bits < bitsMin || bits > modulusBitsMax) return null;
  if (bitsOf(exponent) < 2 || bitsOf(exponent) > exponentBitsMax) return null;
  return { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
}

/** Bits of an unsigned number; leading zero bytes do not count. */
function bitsOf(bytes: Buffer): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first === -1) return 0;
  return (bytes.length - first) * 8 - Math.clz32((bytes[first] ?? 0) << 24);
}

/**
 * The public key field of a DNSKEY.
 *
 * @throws TypeError when the key does not belong to the algorithm (a programmer's error).
 */
export function publicKeyData(entry: IAlgorithm, key: KeyObject): Buffer {
  const { kty, crv, n, e, x, y } = key.export({ format: 'jwk' });
  if (entry.curve === null && kty === 'RSA' && n !== undefined && e !== undefined) {
    const exponent = Buffer.from(e, 'base64url');
    // Exponents above 255 bytes would need the long form; none is that long, see exponentBitsMax.
    return Buffer.concat([Buffer.of(exponent.length), exponent, Buffer.from(n, 'base64url')]);
  }
  if (crv !== entry.curve || x === undefined) {
    throw new TypeError(`The key is not one of algorithm ${entry.name}`);
  }
  return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y ?? '', 'base64url')]);
}

/** A new private key. RSA keys get 2,048 bits and the exponent 65,537. */
export function generatePrivateKey(entry: IAlgorithm): KeyObject {
  switch (entry.number) {
    case 13:
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 14:
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 15:
      return generateKeyPairSync('ed25519').privateKey;
    case 16:
      return generateKeyPairSync('ed448').privateKey;
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  }
}

/** The signature field of an RRSIG; ECDSA as r and s of fixed length (RFC 6605 §4), not as DER. */
export function signBytes(entry: IAlgorithm, key: KeyObject, data: Buffer): Buffer {
  return sign(entry.digest, data, { key, dsaEncoding: 'ieee-p1363' });
}

/**
 * Whether the signature field of an RRSIG is the key's over the data. Never throws on hostile
 * bytes.
 */
export function verifyBytes(
  entry: IAlgorithm,
  key: KeyObject,
  data: Buffer,
  signature: Buffer,
): boolean {
  if (entry.signatureBytes !== 0 && signature.length !== entry.signatureBytes) return false;
  try {
    return verify(entry.digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    // OpenSSL refuses some signatures outright, e.g. an RSA one that is longer than the modulus.
    return false;
  }
}
