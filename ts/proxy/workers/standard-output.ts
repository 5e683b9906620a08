import { LineWriter } from '../../core/line-writer.ts';
import type { ILogger } from '../../core/logger.ts';

const bufferBytesMax = 4 * 1024 * 1024;
/** Milliseconds until a reader that did not keep up is tried again. */
const retryMs = 50;
const lineFeed = 0x0a;

/**
 * Copies what workers write to their standard output to that of the main process, in whole lines. A
 * reader that is slow holds up the workers' pipes; there their access logs drop lines, and count.
 */
export class StandardOutput {
  private readonly logger: ILogger;
  private writer: LineWriter | null = null;

  constructor(logger: ILogger) {
    this.logger = logger;
  }

  /**
   * Writes whole lines, given with their line feeds.
   *
   * @param more called when there is room again, after false was returned; these were not taken.
   */
  write(lines: Buffer, more: () => void): boolean {
    this.writer ??= this.open();
    // The writer ends each text with a line feed by itself.
    const length = lines.at(-1) === lineFeed ? lines.length - 1 : lines.length;
    if (this.writer.write(lines.toString('utf8', 0, length))) return true;
    setTimeout(more, retryMs).unref();
    return false;
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    const { writer } = this;
    this.writer = null;
    await writer?.close();
  }

  private open(): LineWriter {
    return new LineWriter({
      path: 'stdout',
      flushMs: 0,
      bufferBytesMax,
      onFailure: (error) => {
        this.logger.error('accessLog.failed', 'Cannot write the access log', { error });
      },
      onRecovery: (dropped) => {
        this.logger.warn('accessLog.recovered', 'The access log can be written again', { dropped });
      },
    });
  }
}
