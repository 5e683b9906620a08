import { DcError } from '../../core/errors.ts';
import type { IAnswer, IQuestion, IRemoteError } from './protocol.ts';

/** What a question and its answer are, by name. */
type TAsked<T> = { [N in keyof T]: { question: unknown; answer: unknown } };

interface IWaiter {
  resolve(answer: unknown): void;
  reject(error: DcError): void;
}

/** Asks another process and waits for its answers. */
export class Questions<T extends TAsked<T>> {
  private readonly send: (question: IQuestion<T>) => void;
  private readonly waiters = new Map<number, IWaiter>();
  private lastId = 0;

  constructor(send: (question: IQuestion<T>) => void) {
    this.send = send;
  }

  /** Questions that wait for their answers. */
  get size(): number {
    return this.waiters.size;
  }

  /** @throws DcError what the other one says, or `WORKER_FAILED` when it is gone. */
  ask<N extends keyof T>(name: N, question: T[N]['question']): Promise<T[N]['answer']> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiters.set(id, { resolve, reject });
      this.send({ type: 'question', id, name, question });
    });
  }

  /** Takes an answer; one that nobody waits for is passed over. */
  answered({ id, answer, error }: IAnswer): void {
    const waiter = this.waiters.get(id);
    this.waiters.delete(id);
    if (error === null) waiter?.resolve(answer);
    else waiter?.reject(errorFrom(error));
  }

  /** The other one is gone: there will be no answers. */
  abandon(reason: string): void {
    const waiters = [...this.waiters.values()];
    this.waiters.clear();
    for (const { reject } of waiters) reject(new DcError('WORKER_FAILED', reason));
  }
}

/** An error as data. */
export function remoteErrorOf(error: unknown): IRemoteError {
  if (error instanceof DcError) {
    const { code, message, problems } = error;
    return { code, message, problems };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: null, message, problems: [] };
}

/** The error of another process. */
export function errorFrom({ code, message, problems }: IRemoteError): DcError {
  return new DcError(code ?? 'WORKER_FAILED', message, { problems: [...problems] });
}
