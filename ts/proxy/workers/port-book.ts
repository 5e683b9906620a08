import {
  type IBoundPort,
  type IPortAddress,
  type IPortBinder,
  portKey,
  SharedPorts,
} from '../../net/ports.ts';

/** A port that is bound for the workers. */
export interface ISharedPort {
  /** By which the worker asks for it: its host as configured, and the port that is bound. */
  readonly key: string;
  readonly bound: IBoundPort;
}

/** Binds ports for the workers and remembers which are open, so that a new worker gets them too. */
export class PortBook implements IPortBinder {
  private readonly ports: IPortBinder;
  private readonly open = new Set<ISharedPort>();

  /** @param workers handles that each port gets. */
  constructor(workers: number, ports: IPortBinder = new SharedPorts(() => workers)) {
    this.ports = ports;
  }

  async bind(address: IPortAddress): Promise<IBoundPort> {
    const bound = await this.ports.bind(address);
    const shared = { key: portKey({ host: address.host, port: bound.port }), bound };
    this.open.add(shared);
    return {
      address: bound.address,
      port: bound.port,
      handles: bound.handles,
      accept: (onConnection) => bound.accept(onConnection),
      close: () => {
        this.open.delete(shared);
        bound.close();
      },
    };
  }

  /** The ports that are open now. */
  [Symbol.iterator](): Iterator<ISharedPort> {
    return this.open.values();
  }
}
