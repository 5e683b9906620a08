import { setTimeout as sleep } from 'node:timers/promises';
import { ApiUnreachable } from './client.ts';
import type { IContext, TCommandRun } from './command.ts';

/** Milliseconds that a new process has to open the management port, and between two looks at it. */
const patienceMs = 60_000;
const lookMs = 100;

interface IChange {
  path: string;
  before?: unknown;
  after?: unknown;
  effect: string;
}

/** `dcrouter reload [--binary]` */
export const reload: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  if (given.has('binary')) return await reloadBinary(context);
  const api = await client();
  const result = await api.call<{ changes: IChange[] }>('POST', '/reload');
  output.show(result, () => {
    if (result.changes.length === 0) return ['Nothing has changed'];
    return output.table(['PLACE', 'CHANGE', 'EFFECT'], result.changes.map(changeRow));
  });
  return 0;
};

/** Waits until the new process answers, so that the next command finds it. */
async function reloadBinary({ client, output, terminal }: IContext): Promise<number> {
  const api = await client();
  const old = await api.call<{ startedAt: string }>('GET', '/status');
  const begun = await api.call<{ pid: number }>('POST', '/reload', { body: { binary: true } });
  const outcome = await outcomeOf(client, old.startedAt);
  if (outcome !== 'serves') {
    const what =
      outcome === 'failed'
        ? 'failed, and the old one goes on: its log has the reason in "handover.failed"'
        : `did not open the management port within ${patienceMs / 1000} s: see the log`;
    terminal.stderr.write(`dcrouter: The new process ${begun.pid} ${what}\n`);
    return 2;
  }
  output.show(begun, () => [`Process ${begun.pid} serves; the old one ends when it is drained`]);
  return 0;
}

/** Who answers at the management port, once it has been closed for the hand-over. */
async function outcomeOf(
  client: IContext['client'],
  startedBefore: string,
): Promise<'serves' | 'failed' | 'unknown'> {
  const deadline = performance.now() + patienceMs;
  let wasClosed = false;
  while (performance.now() < deadline) {
    await sleep(lookMs);
    try {
      const { startedAt, ready } = await (await client()).call<{
        startedAt: string;
        ready: boolean;
      }>('GET', '/status');
      if (startedAt !== startedBefore && ready) return 'serves';
      if (startedAt === startedBefore && wasClosed) return 'failed';
    } catch (error) {
      if (!(error instanceof ApiUnreachable)) throw error;
      wasClosed = true;
    }
  }
  return 'unknown';
}

/** A change of the configuration as a row of a table. */
export function changeRow({ path, before, after, effect }: IChange): string[] {
  return [path, `${short(before)} → ${short(after)}`, effect];
}

/** A value in a few characters; `-` when there is none. */
function short(value: unknown): string {
  if (value === undefined) return '-';
  const text = JSON.stringify(value) ?? '-';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
