import type { Socket } from 'node:net';
import type { ISocketName, IStreamHandle, ITcpHandle } from './handles.ts';
import { canonicalIp } from './ip.ts';
import { PlainWire, socketOf } from './plain-wire.ts';
import type { IWireConsumer, WireBase } from './wire-base.ts';

/**
 * A connection that a port accepted and nobody has read from.
 *
 * Its owner makes it a wire or a socket, or destroys it; exactly one of these, once.
 */
export class Accepted {
  /** Of the peer, in its normal form; '' when the peer is gone already. */
  readonly peerIp: string;
  /** 0 when the peer is gone already. */
  readonly peerPort: number;
  private handle: ITcpHandle | null;

  constructor(handle: ITcpHandle) {
    const name: ISocketName = {};
    const isKnown = handle.getpeername(name) === 0;
    this.handle = handle;
    this.peerIp = isKnown ? (canonicalIp(name.address ?? '') ?? '') : '';
    this.peerPort = isKnown ? (name.port ?? 0) : 0;
  }

  /** Where the client came to; '' and 0 when that is not known any more. */
  local(): { ip: string; port: number } {
    const name: ISocketName = {};
    if (this.handle === null || this.handle.getsockname(name) !== 0) return { ip: '', port: 0 };
    return { ip: canonicalIp(name.address ?? '') ?? '', port: name.port ?? 0 };
  }

  /** Reads from now on. @throws Error when it was taken already. */
  toWire(consumer: IWireConsumer): WireBase {
    return PlainWire.accept(this.take(), consumer);
  }

  /** A paused socket that keeps its side open after a FIN. @throws Error when it was taken already. */
  toSocket(): Socket {
    return socketOf(this.take(), null);
  }

  /** Closes it; harmless when it was taken or closed already. */
  destroy(): void {
    this.handle?.close();
    this.handle = null;
  }

  /** Closes it with RST; harmless when it was taken or closed already. */
  reset(): void {
    this.handle?.reset(nothing);
    this.handle = null;
  }

  private take(): ITcpHandle {
    const { handle } = this;
    if (handle === null) throw new Error('The connection was taken already');
    this.handle = null;
    return handle;
  }
}

function nothing(this: IStreamHandle): void {
  // Nobody waits for the end of a connection that nobody took.
}
