import type { Wire } from '../net/wire.ts';
import type { IClientAddress } from './client-address.ts';
import type { ITlsPlan } from './tls-terminator.ts';

/** A connection of the TCP plane that the web plane is to serve. */
export interface IHandedConnection {
  /** Id of the TCP entry; its web entrypoint is called `tcp:<entryId>`. */
  readonly entryId: string;
  /** Belongs to the web plane from now on; paused. */
  readonly wire: Wire;
  /** Read already; they come first. */
  readonly bytes: Buffer | null;
  readonly client: IClientAddress;
  /** The bytes are TLS, which is ended by this plan; null: they are plain. */
  readonly tls: ITlsPlan | null;
  /** Called once, when the connection is gone. */
  readonly onClosed: () => void;
}

/** Where the TCP plane hands connections to that speak HTTP, or TLS with HTTP in it. */
export interface INetworkProxyBridge {
  /** Serves the connection like one of an entrypoint; closes it when the web plane does not run. */
  handOver(connection: IHandedConnection): void;
  /**
   * The entry is gone, or hands nothing over any more: its connections finish their requests within
   * `drainTimeoutMs`, then they are closed.
   */
  retire(entryId: string, drainTimeoutMs: number): void;
}
