import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Backend } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import type { BackendNames } from '../backend-names.ts';
import type { IProbe } from '../probe.ts';
import { lookedUpName } from '../service-name.ts';
import { literalLookup } from './literal-lookup.ts';

type TNames = Pick<BackendNames, 'pick'>;

/** Milliseconds in which a closed port would have been reported. */
const silenceMs = 1000;
/** Milliseconds until a probe that could not be sent counts as failed, where nothing is said. */
const timeoutMs = 5000;

/**
 * Probes a UDP port by an empty datagram. A machine that says that the port is closed, or that
 * cannot be reached, fails; an answer is well, and so is silence, for most protocols do not answer to
 * nothing.
 */
export function udpProbe(clock: IClock, names: TNames): IProbe {
  return {
    check: (backend, health, done) => {
      const attempt = new Attempt(clock, health?.probeTimeoutMs ?? timeoutMs, done);
      // An address is known at once, and a socket may fail at once; `done` must not come so soon.
      queueMicrotask(() => attempt.begin(backend, names));
      return () => attempt.end(null, false);
    },
  };
}

class Attempt {
  private readonly clock: IClock;
  private readonly limitMs: number;
  private readonly done: (failure: string | null) => void;
  private timer: ITimer;
  private socket: Socket | null = null;
  private isOver = false;

  constructor(clock: IClock, limitMs: number, done: (failure: string | null) => void) {
    this.clock = clock;
    this.limitMs = limitMs;
    this.done = done;
    this.timer = clock.setTimeout(() => this.end('timeout'), limitMs);
  }

  begin(backend: Backend, names: TNames): void {
    if (this.isOver) return;
    names.pick(lookedUpName(backend), (error, address, own) => {
      if (this.isOver) return;
      if (error === null) this.send(address, own || backend.port);
      else this.end(error.code ?? 'lookup');
    });
  }

  end(failure: string | null, isTold = true): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer.cancel();
    this.socket?.close();
    if (isTold) this.done(failure);
  }

  private send(address: string, port: number): void {
    const type = isIP(address) === 6 ? 'udp6' : 'udp4';
    const socket = createSocket({ type, lookup: literalLookup });
    this.socket = socket;
    const fail = ({ code = 'error' }: NodeJS.ErrnoException) => this.end(code);
    socket.on('error', fail);
    socket.on('message', () => this.end(null));
    socket.on('connect', () => {
      socket.send(Buffer.alloc(0), (error) => {
        if (error !== null) fail(error);
        else this.listen();
      });
    });
    socket.connect(port, address);
  }

  private listen(): void {
    if (this.isOver) return;
    this.timer.cancel();
    const waitMs = Math.min(silenceMs, this.limitMs);
    this.timer = this.clock.setTimeout(() => this.end(null), waitMs);
  }
}
