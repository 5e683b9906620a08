import { STATUS_CODES } from 'node:http';
import { DcError, type IProblem, type TErrorCode } from '../core/errors.ts';
import { ApiError, apiErrorTable, type TApiErrorCode } from './api-error.ts';

/** A refusal as it is sent (RFC 9457). */
export interface IProblemDetails {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  code: string;
  requestId: string;
  problems: readonly IProblem[];
}

/** A refusal with what belongs around it. */
export interface IRefusedRequest {
  details: IProblemDetails;
  headers: Readonly<Record<string, string>>;
  /** Not the client's fault: the log has to tell more than the answer does. */
  isOurs: boolean;
}

/** HTTP status of the errors whose message a client may see. */
const statusOf: Partial<Record<TErrorCode, number>> = {
  CONFIG_INVALID: 422,
  CONFIG_UNREADABLE: 422,
  ROUTE_INVALID: 422,
  ROUTE_EXISTS: 409,
  ROUTE_UNKNOWN: 404,
  BACKEND_EXISTS: 409,
  BACKEND_UNKNOWN: 404,
  CERTIFICATE_INVALID: 422,
  CERTIFICATE_UNKNOWN: 404,
  TCP_INVALID: 422,
  TCP_EXISTS: 409,
  TCP_UNKNOWN: 404,
  ACCESS_INVALID: 422,
  ACCESS_UNKNOWN: 404,
  LIMIT_INVALID: 422,
  LIMIT_UNKNOWN: 404,
  ZONE_INVALID: 422,
  ZONE_EXISTS: 409,
  ZONE_UNKNOWN: 404,
  RECORD_UNKNOWN: 404,
  // A primary that does not give the zone.
  DNS_FAILED: 502,
  CONNECTION_UNKNOWN: 404,
  TOKEN_UNKNOWN: 404,
  PRECONDITION_FAILED: 412,
  // A TCP entry or a reload that wants a port or a log file which cannot be had.
  LISTEN_FAILED: 422,
  LOG_FAILED: 422,
};

/** Errors that pass by themselves, with what the client is told instead of the message. */
const laterDetail: Partial<Record<TErrorCode, string>> = {
  STORE_FAILED: 'The store cannot be read or written now; nothing has changed',
  NOT_RUNNING: 'The router is not running; nothing has changed',
  WORKER_FAILED: 'A worker process failed; it is started anew, and the log says more',
};

/** Errors of fastify, by their codes. */
const frameworkErrors: Record<string, { code: TApiErrorCode; detail: string }> = {
  FST_ERR_BAD_URL: { code: 'REQUEST_INVALID', detail: 'The path has invalid %-escapes' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    detail: 'The body must have a Content-Type that is taken here, e.g. application/json',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'BODY_TOO_LARGE', detail: 'The body is too large' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'REQUEST_INVALID',
    detail: 'The body is not as long as Content-Length says',
  },
};

/**
 * Turns whatever was thrown into an answer. Only `ApiError` and the `DcError`s that speak of what
 * the client sent say what happened; anything else gives away a code and the request's id.
 */
export function refusalOf(error: unknown, requestId: string): IRefusedRequest {
  if (error instanceof ApiError) {
    const { code, status, message, problems, headers } = error;
    const details = detailsOf(status, code, message, requestId, problems);
    return { details, headers, isOurs: status >= 500 };
  }
  if (error instanceof DcError) {
    const { code, message, problems } = error;
    const status = statusOf[code];
    if (status !== undefined) {
      const details = detailsOf(status, code, message, requestId, problems);
      return { details, headers: {}, isOurs: false };
    }
    const later = laterDetail[code];
    if (later !== undefined) {
      const details = detailsOf(503, code, later, requestId);
      return { details, headers: { 'retry-after': '5' }, isOurs: true };
    }
  }
  const known = frameworkErrors[codeOf(error)];
  if (known !== undefined) {
    const { code, detail } = known;
    const details = detailsOf(apiErrorTable[code], code, detail, requestId);
    return { details, headers: {}, isOurs: false };
  }
  const detail = 'Something went wrong here; the log names it by the request id';
  return { details: detailsOf(500, 'INTERNAL', detail, requestId), headers: {}, isOurs: true };
}

function detailsOf(
  status: number,
  code: string,
  detail: string,
  requestId: string,
  problems: readonly IProblem[] = [],
): IProblemDetails {
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, detail, code, requestId, problems };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
