import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { HandOverSide } from '../api/hand-over-side.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { DcRouter } from '../dcrouter.ts';
import type { ITcpHandle } from '../net/handles.ts';

/** Set in the environment of a process that takes over; it talks to the one before by IPC. */
const variable = 'DCROUTER_HANDOVER';

/** Milliseconds that the new process has to read its configuration, and then to serve. */
const patienceMs = 60_000;

/** What the old process says. A port comes with its handle. */
type TOldMessage = { type: 'port'; key: string } | { type: 'go' };

/** What the new process says. */
type TNewMessage =
  | { type: 'ready' }
  | { type: 'serving' }
  | { type: 'refused'; message: string; problems: readonly IProblem[] };

/** The old process's end of hand-overs, of which there is one at a time. */
export class Predecessor {
  private readonly onDone: () => void;
  private isBusy = false;

  /** @param onDone a new process serves: this one should stop. */
  constructor(onDone: () => void) {
    this.onDone = onDone;
  }

  /**
   * Starts this program anew, as it is on disk now, and gives the ports to the new process. No
   * connection is refused: both hold the same sockets until the new one serves.
   *
   * Resolves when the new process has read its configuration; the rest follows. When it fails from
   * there on, this process goes on as before, and says so in its log.
   *
   * @throws DcError `CONFIG_INVALID` when the new process refuses its configuration, `WORKER_FAILED`
   * when it does not start, `NOT_RUNNING` when one takes over already; nothing has changed then.
   */
  async begin(side: HandOverSide): Promise<{ pid: number }> {
    if (this.isBusy) throw new DcError('NOT_RUNNING', 'Another process is taking over already');
    this.isBusy = true;
    const child = startAgain();
    const { pid = 0 } = child;
    try {
      const answer = await nextMessage(child);
      if (answer.type === 'refused') throw refusal(answer);
    } catch (error) {
      await end(child);
      this.isBusy = false;
      throw error;
    }
    side.logger.info('handover.started', 'A new process takes over', { pid });
    // Whoever asked for it gets the answer first.
    setImmediate(() => void this.finish(child, side));
    return { pid };
  }

  /** What fails in taking back is not caught: a router without its store should be started anew. */
  private async finish(child: ChildProcess, side: HandOverSide): Promise<void> {
    const { logger } = side;
    const { pid = 0 } = child;
    try {
      await finish(child, side);
    } catch (error) {
      // Only when it is gone, store and management port are free again.
      await end(child);
      logger.error('handover.failed', 'The new process failed; this one goes on', { error });
      await side.reclaim();
      this.isBusy = false;
      return;
    }
    logger.info('handover.done', 'The new process serves; this one drains', { pid });
    child.disconnect();
    child.unref();
    this.onDone();
  }
}

async function finish(child: ChildProcess, side: HandOverSide): Promise<void> {
  // From here on, so that its end is not missed.
  const outcome = Promise.allSettled([nextMessage(child)]);
  await side.release();
  // What was sent to a process that died is never acknowledged: its end must be enough.
  const given = givePorts(child, side);
  const [serving] = await Promise.race([outcome, given.then(() => outcome)]);
  if (serving.status === 'rejected') throw serving.reason;
  const answer = serving.value;
  if (answer.type === 'refused') throw refusal(answer);
  if (answer.type !== 'serving') throw new DcError('WORKER_FAILED', `It said "${answer.type}"`);
}

function refusal({ message, problems }: Extract<TNewMessage, { type: 'refused' }>): DcError {
  return new DcError('CONFIG_INVALID', message, { problems });
}

async function givePorts(child: ChildProcess, side: HandOverSide): Promise<void> {
  for (const { key, handles } of side.heldPorts()) {
    for (const handle of handles) await send(child, { type: 'port', key }, handle);
  }
  await send(child, { type: 'go' });
}

/** Ends a process that failed; resolves when it is gone. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function startAgain(): ChildProcess {
  const [, script = '', ...given] = process.argv;
  return fork(script, given, {
    detached: true,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [variable]: '1' },
  });
}

function send(child: ChildProcess, message: TOldMessage, handle?: ITcpHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = (error: Error | null) => (error === null ? resolve() : reject(error));
    // Node passes raw handles as well as sockets; its types know the latter only.
    child.send(message, handle as unknown as Parameters<ChildProcess['send']>[1], {}, sent);
  });
}

/** @throws DcError `WORKER_FAILED` when it ends, or says nothing for too long. */
function nextMessage(child: ChildProcess): Promise<TNewMessage> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      leave();
      reject(new DcError('WORKER_FAILED', `Cannot hand over to a new process: ${reason}`));
    };
    const onMessage = (message: unknown) => {
      leave();
      resolve(message as TNewMessage);
    };
    const onExit = (code: number | null, signal: string | null) =>
      fail(`it ended with ${signal ?? `code ${code}`}`);
    const onError = (error: Error) => fail(error.message);
    const timer = setTimeout(() => fail(`it said nothing for ${patienceMs} ms`), patienceMs);
    const leave = () => {
      clearTimeout(timer);
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
    };
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

/** The new process's end of a hand-over. */
export class Successor {
  /** Says that the configuration is good, and waits for the ports. */
  async take(router: DcRouter): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      const onMessage = (message: unknown, handle: unknown) => {
        const said = message as TOldMessage;
        if (said.type === 'port') {
          router.takeOver(said.key, handle as ITcpHandle);
        } else {
          process.off('message', onMessage).off('disconnect', onDisconnect);
          resolve();
        }
      };
      const onDisconnect = () => {
        reject(new DcError('WORKER_FAILED', 'The process before ended while it handed over'));
      };
      process.on('message', onMessage).on('disconnect', onDisconnect);
    });
    router.beginTakeOver();
    say({ type: 'ready' });
    await done;
  }

  /** Says that this process serves; from here on it is on its own. */
  serve(): void {
    say({ type: 'serving' }, () => process.disconnect());
  }

  /** Says why this process cannot take over. */
  refuse(error: DcError): void {
    say({ type: 'refused', message: error.message, problems: error.problems });
  }
}

/** Whether this process was started to take over. Tells so only once: its own children are not. */
export function isSuccessor(env: NodeJS.ProcessEnv = process.env): boolean {
  const is = env[variable] === '1' && process.send !== undefined;
  delete env[variable];
  return is;
}

function say(message: TNewMessage, sent?: () => void): void {
  process.send?.(message, undefined, {}, sent);
}
