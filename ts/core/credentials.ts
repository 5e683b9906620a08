import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** Parts of `scrypt$N$r$p$salt$hash` (RFC 7914; salt and hash in base64url). */
interface IScryptHash {
  cost: number;
  blockSize: number;
  parallelism: number;
  salt: Buffer;
  hash: Buffer;
}

// OWASP's least cost in memory of one verification: 16 MiB.
const defaultCost = { cost: 16384, blockSize: 8, parallelism: 5 };
const saltBytes = 16;
const hashBytes = 32;

/** A hash that asks for more is refused: it would be a way to exhaust us. */
const memoryBytesMax = 256 * 1024 * 1024;
const parallelismMax = 16;
const saltBytesMin = 8;
const hashBytesMin = 16;
const hashLengthMax = 512;

/**
 * Hash of a password, to be kept: `scrypt$N$r$p$salt$hash` with a salt of its own.
 *
 * Takes about a tenth of a second on a thread of the pool. The password is normalised (NFC, as
 * RFC 8265 says), so that it fits whichever way a keyboard composes it.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await deriveKey(password, { ...defaultCost, salt, hash: Buffer.alloc(hashBytes) });
  const { cost, blockSize, parallelism } = defaultCost;
  const parts = [cost, blockSize, parallelism, salt.toString('base64url')];
  return `scrypt$${parts.join('$')}$${hash.toString('base64url')}`;
}

/**
 * Whether the password belongs to the hash; compares in constant time. False for a hash that
 * `passwordHashProblem` refuses.
 */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parsed = parseHash(hash);
  if (typeof parsed === 'string') return false;
  return timingSafeEqual(await deriveKey(password, parsed), parsed.hash);
}

/** Why a text is not usable as a password hash; `undefined` when it is. */
export function passwordHashProblem(hash: string): string | undefined {
  const parsed = parseHash(hash);
  return typeof parsed === 'string' ? parsed : undefined;
}

/**
 * Hash of a token, to be kept: `sha256$HEX`. Fast and without salt, which is right for tokens as
 * `newToken` makes them (256 random bits) and for nothing that a person thought of.
 */
export function hashToken(token: string): string {
  return `sha256$${createHash('sha256').update(token).digest('hex')}`;
}

/** Whether the token belongs to a hash that `hashToken` made; compares in constant time. */
export function verifyToken(token: string, hash: string): boolean {
  const expected = Buffer.from(hash);
  const actual = Buffer.from(hashToken(token));
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** A new token: `dcr_` and 32 random bytes in base64url. */
export function newToken(): string {
  return `dcr_${randomBytes(32).toString('base64url')}`;
}

function parseHash(text: string): IScryptHash | string {
  const parts = text.length <= hashLengthMax ? text.split('$') : [];
  const [scheme, cost, blockSize, parallelism, salt, hash] = parts;
  if (scheme !== 'scrypt' || parts.length !== 6) {
    return 'is not of the form scrypt$N$r$p$salt$hash';
  }
  const parsed = {
    cost: parseCount(cost),
    blockSize: parseCount(blockSize),
    parallelism: parseCount(parallelism),
    salt: parseBase64url(salt),
    hash: parseBase64url(hash),
  };
  return problemOf(parsed) ?? parsed;
}

function problemOf({ cost, blockSize, parallelism, salt, hash }: IScryptHash): string | undefined {
  if (cost < 2 || !Number.isInteger(Math.log2(cost))) return 'has an N that is no power of two';
  if (!(blockSize >= 1)) return 'has an r that is no number above 0';
  if (!(parallelism >= 1 && parallelism <= parallelismMax)) {
    return `has a p that is not between 1 and ${parallelismMax}`;
  }
  if (memoryOf(cost, blockSize) > memoryBytesMax) return 'needs more than 256 MiB to be verified';
  if (salt.length < saltBytesMin) return `has a salt of less than ${saltBytesMin} bytes`;
  if (hash.length < hashBytesMin) return `has a hash of less than ${hashBytesMin} bytes`;
  return undefined;
}

function parseCount(text = ''): number {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
}

/** The bytes; none when the text is not base64url. */
function parseBase64url(text = ''): Buffer {
  return Buffer.from(/^[\w-]+$/.test(text) ? text : '', 'base64url');
}

function memoryOf(cost: number, blockSize: number): number {
  return 128 * cost * blockSize;
}

function deriveKey(password: string, options: IScryptHash): Promise<Buffer> {
  const { cost, blockSize, parallelism, salt, hash } = options;
  // OpenSSL also counts the blocks of each lane.
  const maxmem = memoryOf(cost, blockSize) + memoryOf(parallelism + 2, blockSize);
  const settings = { cost, blockSize, parallelization: parallelism, maxmem };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, hash.length, settings, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
