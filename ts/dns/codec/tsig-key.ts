import { lowerName, parseName, type TName } from './name.ts';
import { parseBase64 } from './rdata/texts.ts';

/** Names of the algorithms, which are domain names too. */
export type TTsigAlgorithm =
  | 'hmac-sha1'
  | 'hmac-sha224'
  | 'hmac-sha256'
  | 'hmac-sha384'
  | 'hmac-sha512';

/** One of the algorithms. */
export interface ITsigAlgorithm {
  readonly name: TName;
  /** As node:crypto calls it. */
  readonly hash: string;
  readonly macBytes: number;
}

/** How each algorithm is done. */
export const tsigAlgorithms: Readonly<Record<TTsigAlgorithm, ITsigAlgorithm>> = {
  'hmac-sha1': { name: parseName('hmac-sha1'), hash: 'sha1', macBytes: 20 },
  'hmac-sha224': { name: parseName('hmac-sha224'), hash: 'sha224', macBytes: 28 },
  'hmac-sha256': { name: parseName('hmac-sha256'), hash: 'sha256', macBytes: 32 },
  'hmac-sha384': { name: parseName('hmac-sha384'), hash: 'sha384', macBytes: 48 },
  'hmac-sha512': { name: parseName('hmac-sha512'), hash: 'sha512', macBytes: 64 },
};

/** A secret that both sides know, by a name. */
export interface ITsigKey {
  /** In lower case. */
  readonly name: TName;
  readonly algorithm: TTsigAlgorithm;
  readonly secret: Buffer;
}

/**
 * Reads a key as it stands in configurations.
 *
 * @param secret base64.
 * @param sha1 whether hmac-sha1 is accepted, which RFC 8945 §6 discourages. Default: false.
 * @throws NameError for the name, RangeError for an algorithm or a secret that is refused.
 */
export function makeTsigKey(
  name: string,
  algorithm: string,
  secret: string,
  { sha1 = false } = {},
): ITsigKey {
  const known = algorithm.toLowerCase().replace(/\.$/, '');
  if (!isAlgorithm(known)) throw new RangeError(`Unknown TSIG algorithm "${algorithm}"`);
  if (known === 'hmac-sha1' && !sha1) throw new RangeError('TSIG algorithm "hmac-sha1" is refused');
  const bytes = parseBase64(secret);
  if (bytes === null || bytes.length === 0) throw new RangeError('A TSIG secret must be base64');
  return { name: lowerName(parseName(name)), algorithm: known, secret: bytes };
}

function isAlgorithm(name: string): name is TTsigAlgorithm {
  return Object.hasOwn(tsigAlgorithms, name);
}
