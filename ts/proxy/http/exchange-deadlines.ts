import type { TTimeouts } from '../route-plan.ts';
import type { ClientConnection } from './client-connection.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Where an exchange stands: the hops, in their order. */
export const stage = {
  access: 0,
  queued: 1,
  connecting: 2,
  /** The backend has the request, or gets its body. */
  forwarding: 3,
  responding: 4,
  /** The response is complete, the rest of the request is thrown away. */
  discarding: 5,
  done: 6,
} as const;

/** Times that deadlines count from, in monotonic milliseconds. */
export interface IProgress {
  readonly startedAt: number;
  /** When the current attempt began to connect, or the request was complete. */
  readonly sentAt: number;
  /** When something last moved. */
  lastActivity: number;
}

/** What takes too long: the backend's part by its name, or who has to be told. */
export type TOverdue =
  | 'none'
  | 'total'
  | 'request-body'
  | 'response'
  | 'discard'
  | 'connect timeout'
  | 'no answer in time'
  | 'request body not taken in time';

/** The first deadline that has passed. */
export function overdue(
  at: number,
  now: number,
  progress: IProgress,
  timeouts: TTimeouts,
  { wire, body, isBodyBlocked }: ClientConnection,
  upstream: UpstreamConnection | null,
): TOverdue {
  if (passed(now, progress.startedAt, timeouts.totalMs)) return 'total';
  switch (at) {
    case stage.connecting:
      return passed(now, progress.sentAt, timeouts.connectMs) ? 'connect timeout' : 'none';
    case stage.forwarding:
      if (body.complete) {
        return passed(now, progress.sentAt, timeouts.firstByteMs) ? 'no answer in time' : 'none';
      }
      if (isBodyBlocked && upstream?.wire.unsentMoved) progress.lastActivity = now;
      if (!passed(now, progress.lastActivity, timeouts.bodyMs)) return 'none';
      // Either the backend does not read, or the client does not send.
      return isBodyBlocked ? 'request body not taken in time' : 'request-body';
    case stage.responding:
      if (wire.unsentMoved) progress.lastActivity = now;
      return passed(now, progress.lastActivity, timeouts.responseMs) ? 'response' : 'none';
    case stage.discarding:
      return passed(now, progress.lastActivity, timeouts.bodyMs) ? 'discard' : 'none';
    default:
      return 'none';
  }
}

function passed(now: number, since: number, ms: number): boolean {
  return ms !== 0 && now - since >= ms;
}
