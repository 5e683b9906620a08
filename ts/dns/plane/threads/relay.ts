import type { ClientSet } from '../../../net/client-set.ts';
import type { IForeignAnswers, IForeignQuestion } from '../../answer/foreign-answers.ts';
import type { IDnsClient } from '../../answer/query-handler.ts';
import type { ISpecialQueries } from '../../answer/special-queries.ts';
import type { IMessage } from '../../codec/message.ts';
import { failureTo } from '../../server/replies.ts';
import type { IAsk, IAskAnswer } from './messages.ts';

/** Queries that wait for the main thread; more get SERVFAIL. */
const asksMax = 1024;

/** Has the main thread answer what this one cannot; queries of one turn go together. */
export class Relay implements ISpecialQueries {
  private readonly post: (asks: readonly IAsk[]) => void;
  private readonly waiting = new Map<number, (answer: Buffer | null) => void>();
  private batch: IAsk[] = [];
  private lastId = 0;

  constructor(post: (asks: readonly IAsk[]) => void) {
    this.post = post;
  }

  /** The main thread's answer; null: there is none. SERVFAIL when too many wait. */
  ask(query: Buffer, { address }: IDnsClient): Promise<Buffer | null> {
    if (this.waiting.size >= asksMax) return Promise.resolve(failureTo(query));
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    const id = ++this.lastId;
    this.waiting.set(id, resolve);
    // On memory of its own: a view takes all that it is a view of along.
    this.batch.push({ id, bytes: new Uint8Array(query), address });
    if (this.batch.length === 1) setImmediate(() => this.flush());
    return promise;
  }

  /** Answers came. */
  take(answers: readonly IAskAnswer[]): void {
    for (const { id, bytes } of answers) {
      const resolve = this.waiting.get(id);
      this.waiting.delete(id);
      resolve?.(bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    }
  }

  takes(): boolean {
    return true;
  }

  async *answer(_: IMessage, bytes: Buffer, client: IDnsClient): AsyncGenerator<Buffer> {
    const answer = await this.ask(bytes, client);
    if (answer !== null) yield answer;
  }

  /** Names that are not ours, for these clients. */
  foreign(clients: ClientSet): IForeignAnswers {
    return {
      reason: null,
      serves: ({ address }) => clients.contains(address),
      write: () => 0,
      answer: ({ bytes, client }: IForeignQuestion) => this.ask(bytes, client),
    };
  }

  private flush(): void {
    const asks = this.batch;
    this.batch = [];
    this.post(asks);
  }
}
