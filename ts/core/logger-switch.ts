import { isDeepStrictEqual } from 'node:util';
import type { ILogOptions, TLogLevel } from '../../ts_interfaces/index.ts';
import type { TLogEvent } from './log-event.ts';
import { createLogger, type ILogger, type IOwnedLogger, silentLogger } from './logger.ts';

/** A log that is open and not in use yet. */
export interface IPreparedLog {
  options: ILogOptions | undefined;
  /** null: nothing is written. */
  log: IOwnedLogger | null;
}

/** A logger whose target can be exchanged, so that whoever holds it follows a new configuration. */
export class LoggerSwitch implements ILogger {
  private target: ILogger = silentLogger;
  private owned: IOwnedLogger | null = null;
  private options: ILogOptions | undefined;
  /** Targets that were replaced and still write what they have. */
  private leaving: Promise<void> = Promise.resolve();

  /**
   * Opens the log that options want, to be taken by `use` or closed.
   *
   * @param options undefined: there is to be none.
   * @returns undefined when it is the one in use already.
   * @throws DcError `LOG_FAILED`
   */
  prepare(options: ILogOptions | undefined): IPreparedLog | undefined {
    if (isDeepStrictEqual(options, this.options)) return undefined;
    return { options, log: options === undefined ? null : createLogger(options) };
  }

  /** Everything goes there from now on; the one before is closed. */
  use({ options, log }: IPreparedLog): void {
    this.options = options;
    const before = this.owned;
    this.leaving = this.leaving.then(() => before?.close());
    this.owned = log;
    this.target = log ?? silentLogger;
  }

  /** Opens the log's file anew, after rotation. */
  async reopen(): Promise<void> {
    await this.owned?.reopen();
  }

  /** Writes what is left and closes. */
  async close(): Promise<void> {
    this.use({ options: undefined, log: null });
    await this.leaving;
  }

  error(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.target.error(event, message, data);
  }

  warn(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.target.warn(event, message, data);
  }

  info(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.target.info(event, message, data);
  }

  debug(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.target.debug(event, message, data);
  }

  enabled(level: TLogLevel): boolean {
    return this.target.enabled(level);
  }
}
