import type { IAccessLogOptions } from '../../ts_interfaces/data/web.ts';
import type { IClock } from '../core/clock.ts';
import { LineWriter, type TWriteBytes } from '../core/line-writer.ts';
import type { ILogger } from '../core/logger.ts';

/** What an `AccessLog` needs. */
export interface IAccessLogDependencies {
  options: IAccessLogOptions;
  /** Told once when the log cannot be written, and once when it can be again. */
  logger: ILogger;
  /** @default systemClock */
  clock?: IClock;
  /** From 0 to below 1, for sampling. @default Math.random */
  random?: () => number;
  /** Writes some of the bytes; for tests. @default fs.write */
  writeBytes?: TWriteBytes;
}

const flushMs = 250;
const bufferBytesMaxDefault = 4 * 1024 * 1024;

/**
 * Writes one line a request, in batches: every 250 ms, or when 64 KiB are full.
 *
 * A full disk or a reader that is slow or gone never reaches the requests: what finds no room in
 * the buffer is dropped and counted. The process may end without `close()`: what waits is then
 * written, unless it is killed.
 */
export class AccessLog {
  private readonly writer: LineWriter;
  private readonly sample: number;
  private readonly random: () => number;

  /** @throws DcError `LOG_FAILED` when the file cannot be opened. */
  constructor({ options, logger, clock, random, writeBytes }: IAccessLogDependencies) {
    const path = options.path ?? 'stdout';
    this.sample = options.sample ?? 1;
    this.random = random ?? Math.random;
    this.writer = new LineWriter({
      path,
      flushMs,
      bufferBytesMax: options.bufferBytesMax ?? bufferBytesMaxDefault,
      clock,
      writeBytes,
      onFailure: (error) =>
        logger.error('accessLog.failed', 'Cannot write the access log', { path, error }),
      onRecovery: (dropped) =>
        logger.warn('accessLog.recovered', 'The access log can be written again', {
          path,
          dropped,
        }),
    });
  }

  /** Lines that are in the file. */
  get written(): number {
    return this.writer.written;
  }

  /** Lines that were lost: no room, a reader that is gone, or written after `close()`. */
  get dropped(): number {
    return this.writer.dropped;
  }

  /** Whether a request with this status is to be logged: asked before its line is built. */
  sampled(status: number): boolean {
    return this.sample >= 1 || status >= 500 || this.random() < this.sample;
  }

  /** Takes a line, given without its line feed. Never blocks, never throws. */
  write(line: string): void {
    this.writer.write(line);
  }

  /**
   * Opens the path anew after log rotation. No line is lost or split between the files: what is
   * being written ends in the old one. Never rejects; when the path cannot be opened, that is
   * logged and the old file stays. Nothing happens to `stdout`.
   */
  reopen(): Promise<void> {
    return this.writer.reopen();
  }

  /** Writes what waits and closes the file. Never rejects. */
  close(): Promise<void> {
    return this.writer.close();
  }
}
