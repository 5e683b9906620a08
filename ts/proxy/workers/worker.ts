/** The file that a worker process runs: `WorkerPool` forks it. */
import type { IMainChannel } from './main-channel.ts';
import type { TToWorker } from './protocol.ts';
import { WorkerProcess } from './worker-process.ts';

let worker: WorkerProcess | null = null;

const channel: IMainChannel & { unsent: number } = {
  unsent: 0,
  send: (message, onSent) => {
    // What cannot be sent any more is followed by 'disconnect'.
    if (process.send === undefined || !process.connected) return;
    channel.unsent++;
    process.send(message, undefined, undefined, () => {
      channel.unsent--;
      onSent?.();
    });
  },
  exit: (code) => process.exit(code),
};

// The terminal sends these to the whole group; main decides what they mean, and tells.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

// Main is gone: nobody would tell of changes any more, and a new main wants the ports.
process.on('disconnect', () => process.exit(0));

process.on('uncaughtException', (error) => {
  if (worker === null) throw error;
  worker.fail(error);
});

process.on('message', (message: TToWorker, handle: unknown) => {
  if (message.type !== 'begin') {
    worker?.take(message, handle);
    return;
  }
  process.title = `dcrouter worker ${message.worker}`;
  const begun = new WorkerProcess(channel, message);
  worker = begun;
  begun.start().catch((error: unknown) => begun.fail(error));
});
