import { readFile, stat } from 'node:fs/promises';
import type { IClock } from '../../core/clock.ts';

/** What a watched file works with. */
export interface IWatchedFileParts<T> {
  readonly path: string;
  /** Reads the text; a file that is not there has none. */
  readonly parse: (text: string) => T;
  readonly clock: IClock;
  /** How often the file is looked at, at most. @default 5,000 */
  readonly checkMs?: number;
  /** Called when the file is there and cannot be read, or is too big; the old content stays. */
  readonly onProblem?: (error: Error) => void;
}

const checkMsDefault = 5000;
/** Larger files are not read. */
const fileBytesMax = 64 * 1024 * 1024;

/** A file that others write, read again when it has changed. It is looked at when it is used. */
export class WatchedFile<T> {
  private readonly parts: IWatchedFileParts<T>;
  private value: T;
  private mark = '';
  private checkedMs = Number.NEGATIVE_INFINITY;
  private checking: Promise<void> | null = null;

  constructor(parts: IWatchedFileParts<T>) {
    this.parts = parts;
    this.value = parts.parse('');
  }

  /** What the file says, by a look that is `checkMs` old at most. */
  async current(): Promise<T> {
    const { clock, checkMs = checkMsDefault } = this.parts;
    if (this.checking === null && clock.monotonic() - this.checkedMs >= checkMs) {
      this.checkedMs = clock.monotonic();
      this.checking = this.check().finally(() => {
        this.checking = null;
      });
    }
    if (this.checking !== null) await this.checking;
    return this.value;
  }

  private async check(): Promise<void> {
    const { path, parse, onProblem } = this.parts;
    try {
      const { mtimeMs, ctimeMs, ino, size } = await stat(path);
      const mark = `${mtimeMs} ${ctimeMs} ${ino} ${size}`;
      if (mark === this.mark) return;
      if (size > fileBytesMax) throw new Error(`"${path}" has more than ${fileBytesMax} bytes`);
      this.value = parse(await readFile(path, 'utf8'));
      this.mark = mark;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!('code' in error) || error.code !== 'ENOENT') {
        onProblem?.(error);
        return;
      }
      this.value = parse('');
      this.mark = '';
    }
  }
}
