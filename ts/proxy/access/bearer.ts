import { timingSafeEqual } from 'node:crypto';
import type { IAuth, IAuthRequest, IAuthVerdict } from '../../../ts_interfaces/index.ts';
import { hashToken } from '../../core/credentials.ts';
import { ALLOWED, challenge, type IAccess, quoted } from './access.ts';

const BEARER_SCHEME = /^bearer(?: |$)/i;
const BEARER = /^bearer +([a-z0-9\-._~+/]+=*) *$/i;

/**
 * Bearer tokens against SHA-256 hashes, all of them compared in constant time.
 *
 * @see RFC 6750
 */
export class BearerAccess implements IAccess {
  private readonly hashes: readonly Buffer[];
  private readonly missing: IAuthVerdict;
  private readonly invalid: IAuthVerdict;

  constructor(auth: Extract<IAuth, { type: 'bearer' }>) {
    this.hashes = auth.tokenHashes.map((hash) => Buffer.from(hash.toLowerCase()));
    const realm = `Bearer realm=${quoted(auth.realm ?? 'restricted')}`;
    // §3.1: who sends no bearer token at all is not told of an error.
    this.missing = challenge(realm);
    this.invalid = challenge(`${realm}, error="invalid_token"`);
  }

  check(_request: IAuthRequest, authorization: string | undefined): IAuthVerdict {
    if (authorization === undefined || !BEARER_SCHEME.test(authorization)) return this.missing;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return this.invalid;
    const actual = Buffer.from(hashToken(token));
    let isKnown = false;
    for (const hash of this.hashes) {
      if (hash.length === actual.length && timingSafeEqual(hash, actual)) isKnown = true;
    }
    return isKnown ? ALLOWED : this.invalid;
  }
}
