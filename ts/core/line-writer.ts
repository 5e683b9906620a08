import * as fs from 'node:fs';
import { isatty } from 'node:tty';
import { type IClock, type ITimer, systemClock } from './clock.ts';
import { closeLog, countLines, isStream, openLog, openLogSync, writeAllSync } from './log-file.ts';

/** What a `LineWriter` needs to know. */
export interface ILineWriterOptions {
  /** A file's path (created with mode 0640, appended to), `stdout` or `stderr`. */
  path: string;
  /** Milliseconds that a line may wait for others to go with it. */
  flushMs: number;
  /** Bytes that may wait; further lines are dropped and counted. */
  bufferBytesMax: number;
  /**
   * Called when writing begins to fail, and not again until it worked; and when the path cannot
   * be opened anew. Must not throw.
   */
  onFailure: (error: Error) => void;
  /** Called when writing works again, with the lines lost meanwhile. Must not throw. */
  onRecovery: (dropped: number) => void;
  /** @default systemClock */
  clock?: IClock;
  /** Writes some of the bytes; for tests. @default fs.write */
  writeBytes?: TWriteBytes;
}

/** `fs.write` as the writer calls it: appends what follows the offset, tells how much went. */
export type TWriteBytes = (
  descriptor: number,
  bytes: Buffer,
  offset: number,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/** Lines that go in one write. */
interface IChunk {
  text: string;
  lines: number;
}

const chunkLengthMax = 64 * 1024;
const failureRetryMs = 1000;
const busyRetryMs = 10;
/** Tries at a full pipe while closing: one second. */
const closeTriesMax = 100;
const lineFeed = 0x0a;

/** Those that have to write what waits when the process ends. */
const openWriters = new Set<LineWriter>();

/**
 * Appends lines to a file or stream, in batches, from a bounded buffer.
 *
 * `write` never blocks and never throws. One asynchronous write is under way at a time; what
 * comes meanwhile waits. When one fails (disk full), its rest is kept and tried again every
 * second: that costs the lines above the buffer's bound, and no half lines. A pipe without a
 * reader (EPIPE) loses what was under way. Nothing here keeps the process alive, but when it
 * exits, what waits is written.
 */
export class LineWriter {
  /** Lines that are in the file. */
  written = 0;
  /** Lines that were lost. */
  dropped = 0;

  private readonly options: ILineWriterOptions;
  private readonly clock: IClock;
  private readonly writeBytes: TWriteBytes;
  private descriptor: number;
  private closed = false;

  /** The chunk that is being filled; `timer` is set while it has lines. */
  private batch = '';
  private batchLines = 0;
  private timer: ITimer | undefined;
  /** Chunks that are complete, oldest first. */
  private chunks: IChunk[] = [];
  /** UTF-16 units in `batch` and `chunks`: near enough to bytes for a bound. */
  private waitingLength = 0;

  /** The rest of the chunk that is being written, or waits for another try. */
  private bytes: Buffer | undefined;
  private bytesLines = 0;
  private offset = 0;
  /** `bytes` is with the kernel. */
  private underWay = false;
  /** The last write of `bytes` failed: another file may be better. */
  private stuck = false;
  private busy = false;
  private idleWaiters: (() => void)[] = [];
  private reopenWaiters: (() => void)[] = [];
  /** Ends the pause before another try; undefined while there is none. */
  private wake: (() => void) | undefined;
  private closeTries = 0;
  private failing = false;
  private droppedBefore = 0;

  /** @throws DcError `LOG_FAILED` when the file cannot be opened. */
  constructor(options: ILineWriterOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.writeBytes = options.writeBytes ?? appendBytes;
    this.descriptor = openLogSync(options.path);
    if (openWriters.size === 0) process.on('exit', flushAtExit);
    openWriters.add(this);
  }

  /** Whether a person may be looking at it. */
  get isTerminal(): boolean {
    return isatty(this.descriptor);
  }

  /** Takes a line, given without its line feed. False: there was no room, or it is closed. */
  write(line: string): boolean {
    const waiting = this.waitingLength + (this.bytes === undefined ? 0 : this.bytes.length);
    if (this.closed || waiting + line.length >= this.options.bufferBytesMax) {
      this.dropped++;
      return false;
    }
    this.batch += `${line}\n`;
    this.batchLines++;
    this.waitingLength += line.length + 1;
    if (this.batch.length >= chunkLengthMax) this.flush();
    else this.timer ??= this.clock.setTimeout(() => this.flush(), this.options.flushMs);
    return true;
  }

  /**
   * Closes the file and opens its path anew, for log rotation. What is being written goes to the
   * old file, all else to the new one; no line is lost or split. When the path cannot be opened,
   * that is reported and the old file stays. Never rejects; does nothing to `stdout`.
   */
  async reopen(): Promise<void> {
    if (this.closed || isStream(this.options.path)) return;
    const reopened = new Promise<void>((resolve) => this.reopenWaiters.push(resolve));
    this.wake?.();
    this.pump();
    await reopened;
  }

  /** Writes what waits (one try if writing fails), then closes the file. Never rejects. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.wake?.();
    this.flush();
    if (this.busy) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
    openWriters.delete(this);
    if (openWriters.size === 0) process.off('exit', flushAtExit);
    closeLog(this.descriptor);
  }

  /** The process ends: writes what waits; the rest is lost once the descriptor takes no more. */
  flushSync(): void {
    this.endBatch();
    let works = true;
    // What is with the kernel is not ours to repeat: Node ends its threads' work before it exits.
    if (this.bytes !== undefined && !this.underWay) {
      works = writeAllSync(this.descriptor, this.bytes.subarray(this.offset));
      if (works) this.bytesDone();
      else this.dropBytes();
    }
    for (const { text, lines } of this.chunks.splice(0)) {
      works &&= writeAllSync(this.descriptor, Buffer.from(text));
      if (works) this.written += lines;
      else this.dropped += lines;
    }
  }

  private flush(): void {
    this.endBatch();
    this.pump();
  }

  private endBatch(): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (this.batchLines === 0) return;
    this.chunks.push({ text: this.batch, lines: this.batchLines });
    this.batch = '';
    this.batchLines = 0;
  }

  private pump(): void {
    if (this.busy) return;
    this.busy = true;
    void this.writeAll();
  }

  private async writeAll(): Promise<void> {
    for (;;) {
      // A line that is partly in the old file is completed there, unless that does not work.
      const mayReopen = this.bytes === undefined || this.stuck;
      if (mayReopen && this.reopenWaiters.length > 0) await this.openAnew();
      if (this.bytes === undefined && !this.takeChunk()) break;
      await this.writeOnce();
    }
    this.busy = false;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private takeChunk(): boolean {
    const chunk = this.chunks.shift();
    if (chunk === undefined) return false;
    this.waitingLength -= chunk.text.length;
    this.bytes = Buffer.from(chunk.text);
    this.bytesLines = chunk.lines;
    this.offset = 0;
    return true;
  }

  /** Writes some of `bytes`, or finds that it cannot and pauses. */
  private async writeOnce(): Promise<void> {
    const { bytes, offset } = this;
    if (bytes === undefined) return;
    this.underWay = true;
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      this.writeBytes(this.descriptor, bytes, offset, (failure, written) => {
        if (failure === null) this.offset += written;
        resolve(failure);
      });
    });
    this.underWay = false;
    this.stuck = false;
    if (error === null) {
      if (this.offset === bytes.length) this.bytesDone();
    } else if (error.code === 'EAGAIN') {
      await this.readerIsSlow();
    } else {
      await this.writingFailed(error);
    }
  }

  private bytesDone(): void {
    this.bytes = undefined;
    this.written += this.bytesLines;
    if (!this.failing) return;
    this.failing = false;
    this.options.onRecovery(this.dropped - this.droppedBefore);
  }

  private async readerIsSlow(): Promise<void> {
    if (this.closed && ++this.closeTries > closeTriesMax) this.dropAll();
    else await this.pause(busyRetryMs);
  }

  private async writingFailed(error: NodeJS.ErrnoException): Promise<void> {
    this.stuck = true;
    this.reportFailure(error);
    if (error.code === 'EPIPE') this.dropBytes();
    if (this.closed) this.dropAll();
    else if (this.reopenWaiters.length === 0) await this.pause(failureRetryMs);
  }

  private reportFailure(error: Error): void {
    if (this.failing) return;
    this.failing = true;
    this.droppedBefore = this.dropped;
    this.options.onFailure(error);
  }

  private async pause(delayMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      // Whoever waits for close() must get its end, so this timer may keep the process alive.
      if (this.closed) setTimeout(resolve, delayMs);
      else this.clock.setTimeout(resolve, delayMs);
    });
    this.wake = undefined;
  }

  private async openAnew(): Promise<void> {
    const waiters = this.reopenWaiters.splice(0);
    try {
      const descriptor = await openLog(this.options.path);
      closeLog(this.descriptor);
      this.descriptor = descriptor;
      this.dropSplitLine();
    } catch (error) {
      // The old file still takes lines, so there is nothing to recover from.
      this.options.onFailure(error as Error);
    }
    for (const resolve of waiters) resolve();
  }

  /** A failed write may have left half a line in the old file: its rest means nothing here. */
  private dropSplitLine(): void {
    const { bytes, offset } = this;
    if (bytes === undefined || offset === 0) return;
    const isSplit = bytes[offset - 1] !== lineFeed;
    const rest = bytes.subarray(isSplit ? bytes.indexOf(lineFeed, offset) + 1 : offset);
    const restLines = countLines(rest);
    if (isSplit) this.dropped++;
    this.written += this.bytesLines - restLines - (isSplit ? 1 : 0);
    this.bytes = rest.length === 0 ? undefined : rest;
    this.bytesLines = restLines;
    this.offset = 0;
  }

  private dropBytes(): void {
    if (this.bytes === undefined) return;
    const lines = countLines(this.bytes.subarray(this.offset));
    this.dropped += lines;
    this.written += this.bytesLines - lines;
    this.bytes = undefined;
  }

  private dropAll(): void {
    this.dropBytes();
    while (this.takeChunk()) this.dropBytes();
  }
}

function appendBytes(...[descriptor, bytes, offset, done]: Parameters<TWriteBytes>): void {
  fs.write(descriptor, bytes, offset, bytes.length - offset, null, done);
}

function flushAtExit(): void {
  for (const writer of openWriters) writer.flushSync();
}
