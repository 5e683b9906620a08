import type { IProblem } from '../core/errors.ts';

/**
 * Refusals that belong to the management API alone, with the HTTP status of each. Refusals with a
 * meaning outside of it (`ROUTE_EXISTS`, `CERTIFICATE_INVALID`, …) are `DcError`s.
 */
export const apiErrorTable = {
  MALFORMED_JSON: 400,
  REQUEST_INVALID: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  ROUTE_AMBIGUOUS: 409,
  LAST_BACKEND: 409,
  LAST_ADMIN_TOKEN: 409,
  NO_CONFIG_FILE: 409,
  NO_BINARY_RELOAD: 409,
  IN_USE: 409,
  ZONE_EMPTY: 409,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  MISDIRECTED: 421,
  BODY_INVALID: 422,
  TOO_MANY_BAD_TOKENS: 429,
  HEAD_TOO_LARGE: 431,
  INTERNAL: 500,
  NOT_READY: 503,
} as const;

/** Code of a refusal by the management API. */
export type TApiErrorCode = keyof typeof apiErrorTable;

/** A refusal by the management API: what the client did wrong, in words that it may see. */
export class ApiError extends Error {
  public readonly code: TApiErrorCode;
  /** HTTP status. */
  public readonly status: number;
  /** What is wrong in detail; empty when the message says it all. */
  public readonly problems: readonly IProblem[];
  /** Headers of the answer, e.g. `Allow`, `Retry-After`. */
  public readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: TApiErrorCode,
    message: string,
    more: {
      problems?: readonly IProblem[];
      headers?: Record<string, string>;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: more.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = apiErrorTable[code];
    this.problems = more.problems ?? [];
    this.headers = more.headers ?? {};
  }
}
