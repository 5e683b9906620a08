import type { TLogLevel } from '../../ts_interfaces/index.ts';
import type { TLogEvent } from './log-event.ts';
import { type ILogger, silentLogger } from './logger.ts';

/** A logger whose target can be exchanged, so that whoever holds it follows a new configuration. */
export class LoggerSwitch implements ILogger {
  /** Where everything goes. */
  target: ILogger = silentLogger;

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
