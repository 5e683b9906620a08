import { networkInterfaces } from 'node:os';
import type { IClock } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import { canonicalIp } from '../../net/ip.ts';
import type { IPortAddress } from '../../net/ports.ts';
import { UdpServer } from '../server/udp-server.ts';
import type { Front } from './front.ts';

/** Of more addresses of the machine only so many get sockets of their own. */
const ownAddressesMax = 64;

/** UDP on one port; whoever has it closes it. */
export interface IUdpPort {
  readonly address: string;
  readonly port: number;
  /** Answers from now on; what came before comes first. Idempotent. */
  open(): void;
  /** Idempotent. What has come already is answered first. */
  close(): void;
}

/** Binds ports for UDP, in this thread or in others. */
export interface IUdpPorts {
  /**
   * @param isLate another process answers there still: `open` takes the port beside it.
   * @throws DcError `LISTEN_FAILED`
   */
  bind(address: IPortAddress, isLate?: boolean): Promise<IUdpPort>;
  /** Resolves when the ports that were closed are closed. */
  closed(): Promise<void>;
}

/** What local ports work with. */
export interface ILocalUdpParts {
  readonly front: Front;
  readonly clock: IClock;
  readonly onFault: (error: unknown) => void;
}

/** Answers by UDP in this thread. */
export class LocalUdpPorts implements IUdpPorts {
  private readonly parts: ILocalUdpParts;
  private readonly servers = new Set<UdpServer>();
  private readonly leaving = new Set<Promise<void>>();

  constructor(parts: ILocalUdpParts) {
    this.parts = parts;
  }

  async bind(address: IPortAddress, isLate = false): Promise<IUdpPort> {
    const servers: UdpServer[] = [];
    const close = (): void => {
      for (const server of servers.splice(0)) {
        this.servers.delete(server);
        const end = server.leave().then(() => void this.leaving.delete(end));
        this.leaving.add(end);
      }
    };
    try {
      const first = this.serverFor(servers);
      const bound = await first.bind(address, isLate);
      for (const host of address.host === undefined ? ownAddresses() : []) {
        const own = { ...address, host, port: bound.port };
        await this.bindToo(this.serverFor(servers), own, isLate);
      }
      const open = (): void => {
        for (const server of servers) server.open();
      };
      return { ...bound, open, close };
    } catch (error) {
      close();
      throw error;
    }
  }

  async closed(): Promise<void> {
    await Promise.all(this.leaving);
  }

  /** The rate limit of the front may be another one. */
  useRate(): void {
    for (const server of this.servers) server.rate = this.parts.front.rate;
  }

  /** Binds an address of the machine, unless it is gone, or not ready yet: the others go on. */
  private async bindToo(server: UdpServer, address: IPortAddress, isLate: boolean): Promise<void> {
    try {
      await server.bind(address, isLate);
    } catch (error) {
      const cause: unknown = error instanceof DcError ? error.cause : undefined;
      if ((cause as NodeJS.ErrnoException | undefined)?.code !== 'EADDRNOTAVAIL') throw error;
    }
  }

  private serverFor(servers: UdpServer[]): UdpServer {
    const { front, clock, onFault } = this.parts;
    const { handler, counters, rate } = front;
    const server = new UdpServer({ handler, counters, rate, clock, onFault, reusePort: true });
    servers.push(server);
    this.servers.add(server);
    return server;
  }
}

/**
 * Addresses that get sockets of their own beside the one for all: an answer from that one leaves
 * from the address that routing prefers, which on a machine with several of a kind may not be the
 * one that was asked.
 */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = all.filter(({ internal, scopeid }) => !internal && !scopeid);
  const addresses = (family: string) =>
    outer.filter((each) => each.family === family).map(({ address }) => canonicalIp(address));
  return [addresses('IPv4'), addresses('IPv6')]
    .filter((list) => list.length > 1)
    .flat()
    .slice(0, ownAddressesMax)
    .filter((address) => address !== undefined);
}
