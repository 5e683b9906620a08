import type { IConnectionInfo } from '../../ts_interfaces/index.ts';

/**
 * A connection, or a UDP session, that is open: what can be shown of it, and how to end it.
 *
 * `connections()` of `ProxyManager` and of `SmartProxy` list them. One may have
 * closed since it was listed: then `describe` still answers and `close` does nothing.
 */
export interface ILiveConnection {
  /** Unique in this process while it is open; equals the `id` of `describe`. */
  readonly id: string;
  /** How it stands. @param now `performance.now()` */
  describe(now: number): IConnectionInfo;
  /** Breaks it off at once; what was not sent yet is lost. */
  close(): void;
}

let lastConnectionId = 0;

/** A number for a connection or session: unique in this process, the planes share it. */
export function nextConnectionId(): number {
  return ++lastConnectionId;
}

/** Milliseconds as the seconds that a list of connections shows. */
export function secondsOf(ms: number): number {
  return Math.max(0, Math.round(ms) / 1000);
}
