import type { IAuthRequest, IAuthVerdict } from '../../../ts_interfaces/index.ts';

/** Decides whether a request may pass. */
export interface IAccess {
  /**
   * The verdict; it never throws and never rejects. Where that is possible it is there at once, so
   * that the request needs no promise. Verdicts may be shared and frozen: do not change them.
   *
   * @param authorization value of the request's `Authorization`; undefined when it has none.
   */
  check(
    request: IAuthRequest,
    authorization: string | undefined,
  ): IAuthVerdict | Promise<IAuthVerdict>;
}

/** Lets the request pass as it is. */
export const ALLOWED: IAuthVerdict = Object.freeze({ allow: true });

/** Who decides cannot decide now: never open (503). */
export const UNAVAILABLE: IAuthVerdict = Object.freeze({ allow: false, status: 503 });

/** Too many decisions are pending. */
export const BUSY: IAuthVerdict = Object.freeze({
  allow: false,
  status: 503,
  headers: Object.freeze({ 'retry-after': '1' }),
});

/** 401 with a challenge (RFC 9110 §11.6.1). */
export function challenge(value: string): IAuthVerdict {
  const headers = Object.freeze({ 'www-authenticate': value });
  return Object.freeze({ allow: false, status: 401, headers });
}

/** Text as a quoted-string (RFC 9110 §5.6.4); what cannot stand in one becomes `?`. */
export function quoted(text: string): string {
  return `"${text.replace(/[^\t\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`;
}

/** Both have to allow: first the credentials, then the provider. */
export class BothAccess implements IAccess {
  private readonly first: IAccess;
  private readonly second: IAccess;

  constructor(first: IAccess, second: IAccess) {
    this.first = first;
    this.second = second;
  }

  check(
    request: IAuthRequest,
    authorization: string | undefined,
  ): IAuthVerdict | Promise<IAuthVerdict> {
    const verdict = this.first.check(request, authorization);
    if (verdict instanceof Promise) {
      return verdict.then((done) => this.proceed(done, request, authorization));
    }
    return this.proceed(verdict, request, authorization);
  }

  private proceed(
    verdict: IAuthVerdict,
    request: IAuthRequest,
    authorization: string | undefined,
  ): IAuthVerdict | Promise<IAuthVerdict> {
    return verdict.allow ? this.second.check(request, authorization) : verdict;
  }
}
