import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { IDcRouterOptions } from '../../ts_interfaces/index.ts';
import { temporaryFolder } from './web.ts';

const launcher = path.resolve(import.meta.dirname, '..', '..', 'bin', 'dcrouter.js');

/** An answer of the management API, with what tests look for. */
export interface IApiAnswer {
  status: number;
  body: {
    pid?: number;
    ready?: boolean;
    workers?: unknown[];
    problems?: unknown[];
    listening?: { port: number }[];
  };
}

/** `dcrouter run -c FILE` in a process of its own, with all processes that come after it. */
export class Daemon {
  readonly child: ChildProcess;
  /** Of the log, of all processes. */
  readonly lines: string[] = [];
  /** The exit code of the first process, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  private readonly folder: string;
  private readonly mark: string;

  /** Starts it with a file of these options; it ends with the test, and so do its successors. */
  static async start(context: TestContext, options: IDcRouterOptions): Promise<Daemon> {
    const daemon = new Daemon(context, options);
    await daemon.said('process.started');
    return daemon;
  }

  private constructor(context: TestContext, options: IDcRouterOptions) {
    this.folder = temporaryFolder(context);
    this.mark = `DCROUTER_TEST_RUN=${randomUUID()}`;
    this.write(options);
    const [name = '', value = ''] = this.mark.split('=');
    this.child = spawn(process.execPath, [launcher, 'run', '-c', 'dcrouter.json'], {
      cwd: this.folder,
      env: { ...process.env, [name]: value },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.ended = once(this.child, 'exit').then(([code, signal]) => code ?? signal);
    context.after(() => {
      for (const pid of this.pids()) kill(pid);
      return this.ended;
    });
    createInterface({ input: this.child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
    });
  }

  /** Writes the file anew. */
  write(options: IDcRouterOptions | string): void {
    const text = typeof options === 'string' ? options : JSON.stringify(options);
    writeFileSync(path.join(this.folder, 'dcrouter.json'), text);
  }

  /** Waits for a line of the log that has the text. */
  async said(text: string): Promise<void> {
    await this.when(() => this.lines.some((line) => line.includes(text)), `"${text}"`);
  }

  /** Waits for something that no event tells. */
  async when(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + 20_000;
    while (!(await holds())) {
      assert.ok(performance.now() < end, `waited for ${what}: ${this.lines.join('\n')}`);
      await setTimeout(5);
    }
  }

  /** Who has the management port, as the note in the data folder says; null: nobody. */
  note(): { url: string; pid: number } | null {
    const text = read(path.join(this.folder, 'dcrouter-data', 'api.json'));
    return text === null || text === '' ? null : JSON.parse(text);
  }

  /** Asks the management API. */
  async api(method: string, operation: string, body?: unknown): Promise<IApiAnswer> {
    const { url } = this.note() ?? assert.fail(`nobody manages: ${this.lines.join('\n')}`);
    const token = read(path.join(this.folder, 'dcrouter-data', 'admin-token'))?.trim();
    const response = await fetch(`${url}/api/v1${operation}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  }

  /** Every process that came of it: the first, its workers, its successors and theirs. */
  pids(): number[] {
    return readdirSync('/proc').flatMap((entry) => {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid === process.pid) return [];
      return read(`/proc/${pid}/environ`)?.split('\0').includes(this.mark) ? [pid] : [];
    });
  }
}

/** null: it is gone. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ESRCH' && code !== 'EACCES') throw error;
    return null;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
