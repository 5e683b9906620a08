/**
 * The thread that a `SqliteStore` talks to: its disk waits must not block the requests.
 *
 * Requests are served in order. Writes that wait together are committed together, so that many
 * small ones cost one sync of the disk.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { DcError } from '../core/errors.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import type { ISqliteReply, TSqliteRequest, TSqliteResult } from './sqlite-messages.ts';

type TWriteRequest = Extract<TSqliteRequest, { type: 'write' }>;

if (parentPort === null) throw new Error('sqlite-worker.ts runs in a worker thread only');
const port = parentPort;
const waiting: TSqliteRequest[] = [];

let isClosed = false;
let database: SqliteDatabase | undefined;
const opened = attempt(0, () => {
  database = new SqliteDatabase((workerData as { folder: string }).folder);
});
port.postMessage([opened]);

if (database !== undefined) {
  const open = database;
  port.on('message', (request: TSqliteRequest) => {
    // What else arrived meanwhile is delivered before the immediate runs.
    if (waiting.push(request) > 1) return;
    setImmediate(() => {
      port.postMessage(serveAll(open));
      // Without its port the thread has nothing more to do, and ends.
      if (isClosed) port.close();
    });
  });
}

function serveAll(open: SqliteDatabase): ISqliteReply[] {
  const replies: ISqliteReply[] = [];
  const requests = waiting.splice(0);
  for (let next = 0; next < requests.length; ) {
    const request = requests[next] as TSqliteRequest;
    if (request.type === 'write') {
      const writes = writesFrom(requests, next);
      replies.push(...serveWrites(open, writes));
      next += writes.length;
    } else {
      replies.push(attempt(request.id, () => serve(open, request)));
      next++;
    }
  }
  return replies;
}

function writesFrom(requests: readonly TSqliteRequest[], start: number): TWriteRequest[] {
  const writes: TWriteRequest[] = [];
  for (const request of requests.slice(start)) {
    if (request.type !== 'write') break;
    writes.push(request);
  }
  return writes;
}

function serveWrites(open: SqliteDatabase, writes: TWriteRequest[]): ISqliteReply[] {
  if (writes.length > 1) {
    const changes = writes.flatMap((write) => write.changes);
    const together = attempt(0, () => open.write(changes));
    if (together.error === undefined) return writes.map(({ id }) => ({ id }));
    // One of them may be to blame: each gets its own answer.
  }
  return writes.map(({ id, changes }) => attempt(id, () => open.write(changes)));
}

function serve(
  open: SqliteDatabase,
  request: Exclude<TSqliteRequest, TWriteRequest>,
): TSqliteResult {
  switch (request.type) {
    case 'entries':
      return open.entries(request.collection);
    case 'get':
      return open.get(request.collection, request.key);
    case 'close':
      open.close();
      isClosed = true;
      return undefined;
  }
}

// biome-ignore lint/suspicious/noConfusingVoidType: an action may have nothing to say
function attempt(id: number, action: () => TSqliteResult | void): ISqliteReply {
  try {
    return { id, result: action() ?? undefined };
  } catch (error) {
    if (!(error instanceof DcError)) throw error;
    return { id, error: { code: error.code, message: error.message } };
  }
}
