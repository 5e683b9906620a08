import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';

/** How a run of nft ended. */
export interface INftOutcome {
  /** Exit code; null when it was killed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs nft with arguments and standard input; never through a shell.
 *
 * Rejects when it cannot be started (`ENOENT`: it is not installed) or does not end in time.
 */
export type TRunNft = (args: readonly string[], input: string) => Promise<INftOutcome>;

/** Milliseconds until nft is killed: 100,000 addresses take it about a second. */
const timeoutMs = 30_000;
/** Characters of output that are kept; counters of 1,000 entries are half a megabyte. */
const outputMax = 16 * 1024 * 1024;

/** The machine's nft, which an ordinary PATH may not have. */
export const runNft: TRunNft = (args, input) =>
  new Promise((resolve, reject) => {
    const PATH = [process.env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);
    // Messages are compared, so they have to be in English.
    const child = spawn('nft', args, {
      env: { PATH, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] = (output[stream] + text).slice(0, outputMax);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') reject(new Error(`nft was killed after ${timeoutMs} ms`));
      else resolve({ code, ...output });
    });
    // nft may end before it has read everything; its exit code then says why.
    child.stdin.on('error', (error) => {
      output.stderr += `\n${error.message}`;
    });
    child.stdin.end(input);
  });
