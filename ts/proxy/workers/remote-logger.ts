import type { TLogLevel } from '../../../ts_interfaces/index.ts';
import type { TLogEvent } from '../../core/log-event.ts';
import type { ILogger } from '../../core/logger.ts';
import { redact } from '../../core/redact.ts';
import type { ILogLine } from './protocol.ts';

/** What main tells by itself, once: every worker finds it out as well. */
const toldByMain: ReadonlySet<TLogEvent> = new Set<TLogEvent>([
  'backend.dead',
  'backend.alive',
  'backend.unresolved',
  'backend.resolved',
  'certificate.warning',
  'tcp.added',
  'tcp.changed',
  'tcp.removed',
]);

/** The log of a worker process: its lines are written by the main process. */
export class RemoteLogger implements ILogger {
  /** Levels that main writes. */
  levels: ReadonlySet<TLogLevel> = new Set(['error', 'warn', 'info']);
  private readonly send: (line: ILogLine) => void;

  constructor(send: (line: ILogLine) => void) {
    this.send = send;
  }

  error(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.log('error', event, message, data);
  }

  warn(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.log('warn', event, message, data);
  }

  info(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.log('info', event, message, data);
  }

  debug(event: TLogEvent, message: string, data?: Record<string, unknown>): void {
    this.log('debug', event, message, data);
  }

  enabled(level: TLogLevel): boolean {
    return this.levels.has(level);
  }

  private log(
    level: TLogLevel,
    event: TLogEvent,
    message: string,
    data: Record<string, unknown> | undefined,
  ): void {
    if (!this.levels.has(level) || toldByMain.has(event)) return;
    // Errors do not survive the way; redacted they are plain data.
    const plain = data === undefined ? undefined : redact(data);
    this.send({ level, event, message, data: plain });
  }
}
