import type { IApiOptions } from '../../ts_interfaces/index.ts';
import type { ILogger } from '../core/logger.ts';
import type { IHeldPort } from '../net/port-table.ts';
import type { Store } from '../storage/store.ts';
import type { ControlPlane } from './control.ts';
import type { ManagementPort } from './management-port.ts';

/** What a `HandOverSide` is made of. */
export interface IHandOverParts {
  control: ControlPlane;
  api: ManagementPort;
  store: Store;
  logger: ILogger;
  /** Of the management port. */
  options(): IApiOptions | undefined;
  heldPorts(): Iterable<IHeldPort>;
  /** Parts that change the store by themselves. */
  dns: {
    /** Changes nothing from now on. */
    release(): Promise<void>;
    /** Goes on. */
    reclaim(): void;
  };
  /** Told at once, before anything is closed, and when all is open again. */
  onReleased(isReleased: boolean): void;
}

/** A router that hands over to another process, step by step. */
export class HandOverSide {
  private readonly parts: IHandOverParts;

  constructor(parts: IHandOverParts) {
    this.parts = parts;
  }

  /** The router's log. */
  get logger(): ILogger {
    return this.parts.logger;
  }

  /** The ports that it holds. */
  heldPorts(): Iterable<IHeldPort> {
    return this.parts.heldPorts();
  }

  /** Closes store and management port, which only one process may have; traffic is served on. */
  async release(): Promise<void> {
    const { control, api, dns, store, onReleased } = this.parts;
    onReleased(true);
    await control.settled();
    await api.close();
    await control.settled();
    await dns.release();
    await store.close();
  }

  /** Opens them again: nobody took over. @throws DcError `STORE_LOCKED`, `LISTEN_FAILED` and others */
  async reclaim(): Promise<void> {
    const { api, dns, store, options, onReleased } = this.parts;
    await store.open();
    dns.reclaim();
    const prepared = await api.prepare(options());
    if (prepared !== undefined) api.apply(prepared);
    onReleased(false);
  }
}
