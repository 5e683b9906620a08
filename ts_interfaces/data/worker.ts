/** A worker process, as `GET /api/v1/status` shows it. */
export interface IWorkerInfo {
  /** From 1. */
  worker: number;
  pid: number | null;
  state: 'starting' | 'serving' | 'draining' | 'waiting';
  /** Times that it was started again after a crash. */
  restarts: number;
  /** ISO 8601; null: it does not run. */
  startedAt: string | null;
  /** Of the web plane. */
  connections: number;
  rssBytes: number;
}
