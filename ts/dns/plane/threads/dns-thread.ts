import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { DcError } from '../../../core/errors.ts';
import type { IPortAddress } from '../../../net/ports.ts';
import type { IServePlan } from '../serve-plan.ts';
import { type IThreadCounts, noCounts } from '../stats.ts';
import type { IViewedZone } from '../view-zones.ts';
import type { IAskAnswer, TListTexts, TThreadOrder, TThreadReport } from './messages.ts';
import { ZoneFeed } from './zone-feed.ts';

const threadUrl = new URL(
  import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js',
  import.meta.url,
);

/** Time that a thread has to end by itself. */
const stopMs = 1000;

/** What a thread needs of the main thread. */
export interface IThreadHost {
  /** Answers a query that the thread cannot; null: there is no answer. Never rejects. */
  answer(query: Buffer, address: string): Promise<Buffer | null>;
  /** A fault of ours in the thread; it goes on. */
  fault(error: unknown): void;
  /** It is gone, by itself or because it was ended. */
  ended(thread: DnsThread, failure: unknown): void;
}

/** What is bound in a thread. */
interface IBound {
  readonly address: string;
  readonly port: number;
}

/** One thread that answers DNS by UDP, as the main thread sees it. */
export class DnsThread {
  readonly index: number;
  /** What it had counted when it was asked last. */
  counts: IThreadCounts = noCounts;
  readonly feed: ZoneFeed;
  private readonly host: IThreadHost;
  private readonly worker: Worker;
  private readonly binding = new Map<number, PromiseWithResolvers<IBound>>();
  private readonly waiting = new Map<number, () => void>();
  private readonly exited: Promise<void>;
  private answers: IAskAnswer[] = [];
  private lastId = 0;
  private failure: unknown = null;
  private isGone = false;

  constructor(index: number, share: number, host: IThreadHost) {
    this.index = index;
    this.host = host;
    this.worker = new Worker(threadUrl, {
      name: `dns-${index}`,
      workerData: { share },
      // The process's own flags (a debugger's port, a test's loader) are not the thread's.
      execArgv: [],
      env: threadEnvironment(),
    });
    this.feed = new ZoneFeed({
      post: (order, transfer = []) => this.worker.postMessage(order, [...transfer]),
      refused: (_, error) => host.fault(error),
      failed: (error) => this.kill(error),
    });
    this.worker.on('message', (report: TThreadReport) => this.take(report));
    this.worker.on('error', (error) => {
      this.failure = error;
    });
    this.exited = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.gone(this.failure ?? `exit code ${code}`);
        resolve();
      });
    });
  }

  /** Has it answer like that, behind what it was told before. */
  use(plan: IServePlan, lists: TListTexts): void {
    this.feed.order({ type: 'plan', plan, lists });
  }

  /** Has it serve a zone. */
  zone(zone: IViewedZone): void {
    this.feed.zone(zone);
  }

  /** Binds a port. Rejects with `LISTEN_FAILED`, or another error when the thread ends. */
  bind(key: number, address: IPortAddress, isLate: boolean): Promise<IBound> {
    const made = Promise.withResolvers<IBound>();
    if (this.isGone) made.reject(new Error('The thread has ended'));
    else {
      this.binding.set(key, made);
      this.feed.order({ type: 'bind', key, address, isLate });
    }
    return made.promise;
  }

  /** Resolves when it has done all that it was told so far, or has ended. */
  synced(): Promise<void> {
    return this.asked((id) => this.feed.order({ type: 'sync', id }));
  }

  /** Resolves when `counts` is of now, or it has ended. */
  count(): Promise<void> {
    return this.asked((id) =>
      this.worker.postMessage({ type: 'count', id } satisfies TThreadOrder),
    );
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.feed.end();
    this.worker.postMessage({ type: 'stop' } satisfies TThreadOrder);
    const timer = setTimeout(() => void this.worker.terminate(), stopMs);
    await this.exited;
    clearTimeout(timer);
  }

  /** Ends it because of an error. */
  kill(error: unknown): void {
    this.failure = error;
    void this.worker.terminate();
  }

  private take(report: TThreadReport): void {
    switch (report.type) {
      case 'bound':
        this.binding.get(report.key)?.resolve(report);
        this.binding.delete(report.key);
        return;
      case 'bindFailed':
        this.binding.get(report.key)?.reject(new DcError('LISTEN_FAILED', report.message));
        this.binding.delete(report.key);
        return;
      case 'synced':
        this.answered(report.id);
        return;
      case 'counts':
        this.counts = report.counts;
        this.answered(report.id);
        return;
      case 'asks':
        for (const ask of report.asks) void this.answer(ask.id, ask.bytes, ask.address);
        return;
      case 'fault':
        this.host.fault(report.error);
    }
  }

  private async answer(id: number, query: Uint8Array, address: string): Promise<void> {
    const bytes = await this.host.answer(
      Buffer.from(query.buffer, query.byteOffset, query.byteLength),
      address,
    );
    if (this.isGone) return;
    this.answers.push({ id, bytes: bytes === null ? null : new Uint8Array(bytes) });
    if (this.answers.length > 1) return;
    setImmediate(() => {
      const answers = this.answers;
      this.answers = [];
      if (!this.isGone)
        this.worker.postMessage({ type: 'answers', answers } satisfies TThreadOrder);
    });
  }

  private asked(ask: (id: number) => void): Promise<void> {
    if (this.isGone) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const id = ++this.lastId;
    this.waiting.set(id, resolve);
    ask(id);
    return promise;
  }

  private answered(id: number): void {
    this.waiting.get(id)?.();
    this.waiting.delete(id);
  }

  private gone(failure: unknown): void {
    this.isGone = true;
    this.feed.end();
    for (const { reject } of this.binding.values()) reject(new Error('The thread has ended'));
    this.binding.clear();
    for (const resolve of this.waiting.values()) resolve();
    this.waiting.clear();
    this.host.ended(this, failure);
  }
}

/** A thread has no compile cache of its own accord; with the process's one it starts faster. */
function threadEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined
    ? process.env
    : { ...process.env, NODE_COMPILE_CACHE: path.dirname(folder) };
}
