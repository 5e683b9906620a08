/** From the loudest: what each level lets through includes those before it. */
export type TLogLevel = 'error' | 'warn' | 'info' | 'debug';

/** The daemon's log (not the access log). */
export interface ILogOptions {
  /** What is written: this level and the louder ones. @default 'info' */
  level?: TLogLevel;
  /** `auto` is pretty on a terminal and JSON elsewhere. @default 'auto' */
  format?: 'auto' | 'json' | 'pretty';
  /** File, `stdout` or `stderr`. @default 'stderr' */
  path?: string;
}
