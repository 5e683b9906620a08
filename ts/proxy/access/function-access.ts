import type { IAuthRequest, IAuthVerdict, TAuthProvider } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { IAccess } from './access.ts';
import type { Outage } from './outage.ts';
import { verdictOf } from './verdict.ts';

/** Milliseconds until a provider's function that does not answer counts as down. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Asks a function of the library's user. If it throws, rejects, is silent or answers nonsense: 503.
 */
export class FunctionAccess implements IAccess {
  public readonly provider: TAuthProvider;
  private readonly clock: IClock;
  private readonly outage: Outage;

  constructor(provider: TAuthProvider, clock: IClock, outage: Outage) {
    this.provider = provider;
    this.clock = clock;
    this.outage = outage;
  }

  check(request: IAuthRequest): IAuthVerdict | Promise<IAuthVerdict> {
    try {
      const answer = this.provider(request);
      return isThenable(answer) ? this.settle(answer) : this.conclude(answer);
    } catch (error) {
      return this.outage.failed(error);
    }
  }

  private settle(answer: PromiseLike<unknown>): Promise<IAuthVerdict> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(() => {
        const message = `No answer within ${ANSWER_TIMEOUT_MS} ms`;
        resolve(this.outage.failed(new DcError('AUTH_PROVIDER_DOWN', message)));
      }, ANSWER_TIMEOUT_MS);
      Promise.resolve(answer).then(
        (value) => {
          timer.cancel();
          resolve(this.conclude(value));
        },
        (error: unknown) => {
          timer.cancel();
          resolve(this.outage.failed(error));
        },
      );
    });
  }

  private conclude(answer: unknown): IAuthVerdict {
    try {
      const verdict = verdictOf(answer);
      this.outage.worked();
      return verdict;
    } catch (error) {
      return this.outage.failed(error);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
