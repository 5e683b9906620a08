import type { ITokenInfo, TScope } from '../../ts_interfaces/index.ts';
import { ApiError } from './api-error.ts';
import type { BadTokenLimiter } from './bad-token-limiter.ts';
import { grants, type TokenService } from './token-service.ts';

/** Bytes of an Authorization header that is looked at. */
const headerBytesMax = 1_024;

/**
 * The token of a request.
 *
 * @param authorization the header.
 * @param address of the client, for counting bad tokens.
 * @throws ApiError `UNAUTHORIZED` (401) or `TOO_MANY_BAD_TOKENS` (429), the same for unknown,
 *   expired and malformed ones.
 * @see RFC 6750 §3 for the challenges
 */
export function authenticate(
  tokens: TokenService,
  limiter: BadTokenLimiter,
  authorization: string | undefined,
  address: string,
): ITokenInfo {
  if (authorization === undefined) {
    throw new ApiError('UNAUTHORIZED', 'This needs a token: "Authorization: Bearer dcr_…"', {
      headers: { 'www-authenticate': 'Bearer realm="dcrouter"' },
    });
  }
  const secret =
    authorization.length <= headerBytesMax
      ? /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization)?.[1]
      : undefined;
  const token = secret === undefined ? undefined : tokens.authenticate(secret);
  if (token !== undefined) return token;
  const retryAfterSeconds = limiter.count(address);
  if (retryAfterSeconds > 0) {
    throw new ApiError('TOO_MANY_BAD_TOKENS', 'Too many bad tokens came from this address', {
      headers: { 'retry-after': String(retryAfterSeconds) },
    });
  }
  throw new ApiError('UNAUTHORIZED', 'The token is not valid: it is unknown, revoked or expired', {
    headers: { 'www-authenticate': 'Bearer realm="dcrouter", error="invalid_token"' },
  });
}

/** @throws ApiError `FORBIDDEN` (403) when the token may not do what needs the scope. */
export function authorize(token: ITokenInfo, scope: TScope): void {
  if (grants(token.scopes, scope)) return;
  const challenge = `Bearer realm="dcrouter", error="insufficient_scope", scope="${scope}"`;
  throw new ApiError('FORBIDDEN', `This needs a token with the scope "${scope}"`, {
    headers: { 'www-authenticate': challenge },
  });
}
