import { type ChildProcess, fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DcError } from '../../core/errors.ts';
import type { ITcpHandle } from '../../net/handles.ts';
import type { IAskedOfWorker, TToMain, TToWorker } from './protocol.ts';
import { Questions } from './questions.ts';

const workerFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
);

/** Milliseconds for what a process that has ended said last. */
const lastWordsMs = 500;

/** What is told of a worker's process. */
export interface IWorkerChildEvents {
  /** Answers go to the questions' askers, and come here as well: it lives. */
  onMessage(message: TToMain): void;
  /**
   * Takes whole lines of the process's standard output, which is the access log.
   *
   * @param more to be called when there is room again, after false was returned.
   * @returns false: they were not taken.
   */
  onOutput(lines: Buffer, more: () => void): boolean;
  /** It is gone, or could not be started. Called once. */
  onExit(reason: string): void;
}

/** The process of a worker, and the conversation with it. */
export class WorkerChild {
  /** Questions to it. */
  readonly questions: Questions<IAskedOfWorker>;
  /** Why it ended; null: it runs. */
  exitReason: string | null = null;
  private readonly process: ChildProcess;
  private readonly events: IWorkerChildEvents;
  /** Output that was not taken yet. */
  private output: Buffer = Buffer.alloc(0);

  constructor(events: IWorkerChildEvents) {
    this.events = events;
    this.process = fork(workerFile, {
      // The process's own flags (a debugger's port, a test's loader) are not the worker's.
      execArgv: [],
      env: childEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const { process: child } = this;
    this.questions = new Questions((question) => this.post(question));
    child.on('message', (message: TToMain) => {
      if (message.type === 'answer') this.questions.answered(message);
      events.onMessage(message);
    });
    child.stdout?.on('data', (bytes: Buffer) => {
      this.output = this.output.length === 0 ? bytes : Buffer.concat([this.output, bytes]);
      this.passOutput();
    });
    child.once('error', (error) => this.ended(error.message));
    child.once('exit', (code, signal) => {
      const reason = signal ?? `exit code ${code}`;
      // What it said last is still on its way, unless a reader of its output does not keep up.
      child.once('close', () => this.ended(reason));
      setTimeout(() => this.ended(reason), lastWordsMs).unref();
    });
  }

  /** Whether it has ended, or is about to. */
  get isGone(): boolean {
    return this.exitReason !== null || this.process.killed || !this.process.connected;
  }

  /** null: it was not started. */
  get pid(): number | null {
    return this.process.pid ?? null;
  }

  /** Sends what need not be waited for. */
  post(message: TToWorker): void {
    if (!this.process.connected) return;
    // What cannot be sent any more is followed by the end of the process.
    this.process.send(message, undefined, undefined, () => undefined);
  }

  /** Sends and waits until it is out. @throws DcError `WORKER_FAILED` */
  send(message: TToWorker, handle?: ITcpHandle): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) => {
        reject(new DcError('WORKER_FAILED', 'Cannot reach the worker', { cause }));
      };
      if (!this.process.connected) return failed(this.exitReason);
      // Node's types know its own classes only, but it takes raw handles as well.
      const given = handle as unknown as Parameters<ChildProcess['send']>[1];
      this.process.send(message, given, {}, (error) => {
        if (error === null) resolve();
        else failed(error);
      });
    });
  }

  /** Ends it at once. */
  kill(): void {
    this.process.kill('SIGKILL');
  }

  private passOutput(): void {
    const { stdout } = this.process;
    const end = this.output.lastIndexOf('\n') + 1;
    if (end === 0) return;
    const more = () => {
      stdout?.resume();
      this.passOutput();
    };
    if (this.events.onOutput(this.output.subarray(0, end), more)) {
      this.output = this.output.subarray(end);
    } else {
      stdout?.pause();
    }
  }

  private ended(reason: string): void {
    if (this.exitReason !== null) return;
    this.exitReason = reason;
    this.questions.abandon(`The worker has ended: ${reason}`);
    this.events.onExit(reason);
  }
}

/** With the process's own compile cache the worker need not compile everything again. */
function childEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined
    ? process.env
    : { ...process.env, NODE_COMPILE_CACHE: path.dirname(folder) };
}
