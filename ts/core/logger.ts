import { Smartlog } from '@push.rocks/smartlog';
import type { ILogOptions, TLogLevel } from '../../ts_interfaces/data/log.ts';
import type { IClock } from './clock.ts';
import { LineWriter } from './line-writer.ts';
import type { TLogEvent } from './log-event.ts';
import { formatJson, formatPretty, type ILogRecord } from './log-format.ts';

/**
 * Tells people and programs what happens. No method throws, blocks or waits for the disk.
 *
 * `data` is redacted (see `redact.ts`), but that is a net, not a licence: leave secrets out.
 * An `Error` in it is written with its code and cause.
 */
export interface ILogger {
  /** Something is broken and somebody has to act. */
  error(event: TLogEvent, message: string, data?: Record<string, unknown>): void;
  /** Something is off; the router copes with it. */
  warn(event: TLogEvent, message: string, data?: Record<string, unknown>): void;
  /** Milestones and changes; nothing that happens per request. */
  info(event: TLogEvent, message: string, data?: Record<string, unknown>): void;
  /** What helps to find a fault; may be a lot. */
  debug(event: TLogEvent, message: string, data?: Record<string, unknown>): void;
  /** Whether a level is written: ask before building costly data. */
  enabled(level: TLogLevel): boolean;
}

/** A logger that owns its file. */
export interface IOwnedLogger extends ILogger {
  /** Closes the file and opens its path anew, after log rotation. Never rejects. */
  reopen(): Promise<void>;
  /** Writes what waits and closes the file; what is logged later is lost. Never rejects. */
  close(): Promise<void>;
}

/** Writes nothing: the library's default, and for tests. */
export const silentLogger: ILogger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  enabled: () => false,
};

/** Bytes of log that may wait for a slow disk; more are dropped, counted and told of later. */
const bufferBytesMax = 1024 * 1024;

const levelRanks: Record<TLogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };

/**
 * Opens the log; whoever calls it closes it.
 *
 * One line an event, as JSON (`time`, `level`, `event`, `message`, `data`) or for people. Lines are
 * written asynchronously, at the latest when the process exits; a SIGKILL loses the last ones.
 *
 * @param clock for tests. @default systemClock
 * @throws DcError `LOG_FAILED` when the file cannot be opened.
 */
export function createLogger(options: ILogOptions = {}, clock?: IClock): IOwnedLogger {
  const path = options.path ?? 'stderr';
  const highestRank = levelRanks[options.level ?? 'info'];
  const enabled = (level: TLogLevel): boolean => levelRanks[level] <= highestRank;
  const writer = new LineWriter({
    path,
    flushMs: 0,
    bufferBytesMax,
    clock,
    onFailure: (error) => reportOutside(path, error),
    onRecovery: (dropped) => {
      log('warn', 'log.recovered', 'The log can be written again', { path, dropped });
    },
  });
  const pretty = options.format === 'pretty' || (options.format !== 'json' && writer.isTerminal);
  // https://no-color.org
  const colours = writer.isTerminal && !process.env.NO_COLOR;

  // smartlog stores `minimumLogLevel` and does not apply it, and a destination that throws is an
  // unhandled rejection: so the level is checked here, and the formatters never throw.
  const smartlog = new Smartlog({ logContext: {}, minimumLogLevel: 'silly' });
  smartlog.addLogDestination({
    handleLog: async ({ timestamp, level, message, data }): Promise<void> => {
      const { event, data: shown } = data as Pick<ILogRecord, 'event' | 'data'>;
      const record = { timeMs: timestamp, level: level as TLogLevel, event, message, data: shown };
      writer.write(pretty ? formatPretty(record, colours) : formatJson(record));
    },
  });
  const log = (
    level: TLogLevel,
    event: TLogEvent,
    message: string,
    data?: Record<string, unknown>,
  ): void => {
    if (enabled(level)) void smartlog.log(level, message, { event, data });
  };

  return {
    error: (event, message, data) => log('error', event, message, data),
    warn: (event, message, data) => log('warn', event, message, data),
    info: (event, message, data) => log('info', event, message, data),
    debug: (event, message, data) => log('debug', event, message, data),
    enabled,
    reopen: () => writer.reopen(),
    close: () => writer.close(),
  };
}

/** The log itself is broken: standard error is all that is left, unless it is the log. */
function reportOutside(path: string, error: Error): void {
  if (path !== 'stderr') process.stderr.write(`Cannot write the log "${path}": ${error.message}\n`);
}
