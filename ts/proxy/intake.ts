import { type IClock, type ITimer, systemClock } from '../core/clock.ts';
import type { Accepted } from '../net/accepted.ts';
import type { CidrSet } from '../net/cidr.ts';
import { type IProxyHeader, parseProxyHeader } from '../net/proxy-protocol.ts';
import type { IWireConsumer, Wire } from '../net/wire.ts';
import type { IClientAddress } from './client-address.ts';

/** Which PROXY headers are read and believed. */
export interface IProxyInPlan {
  /**
   * `required`: connections of peers that are not trusted, and those without a header, are closed.
   * `optional`: both are served with the address that they come from; what a peer sends that is not
   * trusted is never taken for a header.
   */
  readonly mode: 'optional' | 'required';
  readonly trusted: CidrSet;
  /** Milliseconds until the header has to be complete; above 0. */
  readonly timeoutMs: number;
}

/** A connection whose header, if any, was read. */
export interface IArrival {
  /** Paused; whoever gets it sets its consumer and closes it. */
  readonly wire: Wire;
  /** A copy of what was read behind the header; null: nothing. */
  readonly bytes: Buffer | null;
  readonly client: IClientAddress;
  /** null: there was none, or it was not to be read. */
  readonly header: IProxyHeader | null;
}

/** How an intake ends. */
export type TArrivalDone = (arrival: IArrival | null, reason: string) => void;

/**
 * Takes a connection in, whose PROXY header comes before anything else.
 *
 * @param done called once, maybe before this returns; with null when the connection was closed, and
 * the reason for the log.
 * @returns closes the connection if it is still being read; `done` is called with null then.
 */
export function takeIn(
  connection: Accepted,
  plan: IProxyInPlan,
  done: TArrivalDone,
  clock: IClock = systemClock,
): () => void {
  const isTrusted = plan.trusted.contains(connection.peerIp);
  if (!isTrusted && plan.mode === 'required') {
    connection.destroy();
    done(null, 'the peer is not trusted');
    return nothing;
  }
  const intake = new Intake(connection, plan, done, clock);
  if (!isTrusted) intake.arrive(null, null);
  return () => intake.refuse('the listener closes');
}

/** Reads the header of one connection. */
class Intake implements IWireConsumer {
  private readonly wire: Wire;
  private readonly client: IClientAddress;
  private readonly plan: IProxyInPlan;
  private readonly done: TArrivalDone;
  private readonly timer: ITimer;
  private kept: Buffer | null = null;
  private isOver = false;

  constructor(connection: Accepted, plan: IProxyInPlan, done: TArrivalDone, clock: IClock) {
    const { peerIp, peerPort } = connection;
    const { ip, port } = connection.local();
    this.client = { clientIp: peerIp, clientPort: peerPort, localIp: ip, localPort: port, peerIp };
    this.plan = plan;
    this.done = done;
    this.timer = clock.setTimeout(() => this.onTimeout(), plan.timeoutMs);
    this.wire = connection.toWire(this);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.isOver) return;
    const { kept } = this;
    if (kept === null) this.parse(bytes, start, end);
    else {
      const joined = Buffer.concat([kept, bytes.subarray(start, end)]);
      this.parse(joined, 0, joined.length);
    }
  }

  private parse(bytes: Buffer, start: number, end: number): void {
    const found = parseProxyHeader(bytes, start, end);
    switch (found.kind) {
      case 'incomplete':
        this.kept = Buffer.from(bytes.subarray(start, end));
        return;
      case 'invalid':
        return this.refuse(found.reason);
      case 'none':
        if (this.plan.mode === 'required') return this.refuse('there is no PROXY header');
        return this.arrive(null, Buffer.from(bytes.subarray(start, end)));
      default: {
        const at = start + found.length;
        this.arrive(found.header, at < end ? Buffer.from(bytes.subarray(at, end)) : null);
      }
    }
  }

  onEnd(): void {
    // A load balancer's health check connects and closes.
    this.refuse('the peer closed before its PROXY header was complete');
  }

  onDrain(): void {
    // Nothing is written here.
  }

  onClose(): void {
    this.refuse('the peer broke off before its PROXY header was complete');
  }

  private onTimeout(): void {
    if (this.plan.mode === 'optional' && this.kept === null) this.arrive(null, null);
    else this.refuse('the PROXY header took too long');
  }

  /** Hands the connection on. */
  arrive(header: IProxyHeader | null, bytes: Buffer | null): void {
    if (this.isOver) return;
    this.over();
    const { wire } = this;
    wire.pause();
    const client = header === null ? this.client : clientOf(header, this.client);
    this.done({ wire, bytes, client, header }, '');
  }

  /** Closes the connection, if it was not handed on. */
  refuse(reason: string): void {
    if (this.isOver) return;
    this.over();
    this.wire.destroy();
    this.done(null, reason);
  }

  private over(): void {
    this.isOver = true;
    this.kept = null;
    this.timer.cancel();
  }
}

/** What the header says, where it says anything about the addresses. */
function clientOf(header: IProxyHeader, own: IClientAddress): IClientAddress {
  const { command, sourceIp, sourcePort, destinationIp, destinationPort } = header;
  if (command === 'local' || sourceIp === '') return own;
  return {
    clientIp: sourceIp,
    clientPort: sourcePort,
    localIp: destinationIp,
    localPort: destinationPort,
    peerIp: own.peerIp,
  };
}

function nothing(): void {
  // It is over already.
}
