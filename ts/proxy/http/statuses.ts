import { STATUS_CODES } from 'node:http';

/** Code that a client sees in an answer of ours; the log tells the rest. */
export type TAnswerCode =
  | 'BAD_REQUEST'
  | 'REQUEST_TIMEOUT'
  | 'BODY_TOO_LARGE'
  | 'URI_TOO_LONG'
  | 'HEAD_TOO_LARGE'
  | 'EXPECTATION_FAILED'
  | 'METHOD_NOT_ALLOWED'
  | 'METHOD_NOT_IMPLEMENTED'
  | 'VERSION_NOT_SUPPORTED'
  | 'NO_ROUTE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'ACCESS_DENIED'
  | 'RATE_LIMITED'
  | 'REDIRECT'
  | 'HOOK_FAILED'
  | 'SERVICE_FAILED'
  | 'NO_BACKEND'
  | 'OVERLOADED'
  | 'QUEUE_FULL'
  | 'QUEUE_TIMEOUT'
  | 'AUTH_PROVIDER_DOWN'
  | 'BAD_GATEWAY'
  | 'GATEWAY_TIMEOUT';

/** The code that belongs to a refusal by the parser. */
export function codeOfRefusal(status: number): TAnswerCode {
  switch (status) {
    case 408:
      return 'REQUEST_TIMEOUT';
    case 413:
      return 'BODY_TOO_LARGE';
    case 414:
      return 'URI_TOO_LONG';
    case 417:
      return 'EXPECTATION_FAILED';
    case 431:
      return 'HEAD_TOO_LARGE';
    case 501:
      return 'METHOD_NOT_IMPLEMENTED';
    case 505:
      return 'VERSION_NOT_SUPPORTED';
    default:
      return 'BAD_REQUEST';
  }
}

const answerCodes: Readonly<Record<number, TAnswerCode>> = {
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  413: 'BODY_TOO_LARGE',
  414: 'URI_TOO_LONG',
  431: 'HEAD_TOO_LARGE',
  500: 'HOOK_FAILED',
  503: 'AUTH_PROVIDER_DOWN',
};

/** The code that belongs to a refusal of an understood request; `other` for a status without one. */
export function codeOfAnswer(status: number, other: TAnswerCode): TAnswerCode {
  return answerCodes[status] ?? other;
}

/** Reason phrase of a status, '' for an unknown one. */
export function reasonOfStatus(status: number): string {
  return STATUS_CODES[status] ?? '';
}

let dateSecond = 0;
let dateText = '';

/** Value of `Date` (RFC 9110 §6.6.1), made once a second. */
export function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
