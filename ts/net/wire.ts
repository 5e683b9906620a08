import type { TLSSocket } from 'node:tls';
import { PlainWire, type TWireTarget } from './plain-wire.ts';
import { SecureWire } from './secure-wire.ts';
import type { IWireConsumer, WireBase } from './wire-base.ts';

export type { TWireTarget } from './plain-wire.ts';
export { type IWireConsumer, readBytesMax } from './wire-base.ts';

/**
 * A connection without the stream machinery's costs: reads land in one shared buffer, small writes
 * go out in the same call.
 *
 * The owner closes it with `end()`, `destroy()` or `reset()`, and hears `onClose` exactly once,
 * never inside one of these calls.
 */
export type Wire = WireBase;

/** Makes wires; accepted connections become wires by `Accepted.toWire`. */
export const Wire = {
  /**
   * Starts a connection; `onConnect` is called when it is there, or `consumer.onClose` with the
   * reason, never before this returns. What is written before waits for it.
   */
  connect(target: TWireTarget, consumer: IWireConsumer, onConnect: () => void): Wire {
    return PlainWire.connect(target, consumer, onConnect);
  },

  /** Wraps a TLS socket whose handshake is done or under way. */
  secure(socket: TLSSocket, consumer: IWireConsumer): Wire {
    return new SecureWire(socket, consumer);
  },
} as const;
