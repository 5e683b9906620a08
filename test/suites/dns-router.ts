import type { TestContext } from 'node:test';
import { systemClock } from '../../ts/core/clock.ts';
import { EventBus } from '../../ts/core/event-bus.ts';
import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import { DnsHost } from '../../ts/dns/dns-host.ts';
import { AddressLists } from '../../ts/net/address-list.ts';
import { MemoryStore } from '../../ts/storage/memory-store.ts';
import type { IDnsOptions, IZoneOptions } from '../../ts_interfaces/index.ts';

/** A line of the log. */
export interface ILogged {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/**
 * Hosted zones with all that moves them, on a port of loopback for the length of a test: DNS as a
 * router has it, with a store in memory and nobody whom it could ask for names of others.
 */
export async function serveBook(
  context: TestContext,
  zones: readonly IZoneOptions[],
  options: Omit<IDnsOptions, 'listeners'> = {},
  port = 0,
) {
  const logged: ILogged[] = [];
  const log = (event: string, _message: string, data: Record<string, unknown> = {}): void => {
    logged.push({ event, data });
  };
  const logger: ILogger = { ...silentLogger, info: log, warn: log, error: log };
  const store = new MemoryStore();
  await store.open();
  const nobody = (): never => {
    throw new Error('Nothing is resolved here');
  };
  const transport = { openDatagram: nobody, openStream: nobody, post: nobody, close: () => {} };
  const host = new DnsHost({
    ...{ store, logger, clock: systemClock, bus: new EventBus(), lists: new AddressLists() },
    tls: { contexts: { find: async () => undefined } },
    health: { backends: () => undefined, follow: () => () => undefined },
    dataDir: undefined,
    baseFolder: () => '/',
    workers: 0,
    resolverParts: { hostsPath: null, transport },
  });
  await host.load();
  context.after(async () => {
    await host.stop(0);
    await store.close();
  });
  const { book, plane, counters } = host;
  book.apply(await book.prepare({ set: zones, removed: [] }));
  const listeners = { main: { address: '127.0.0.1', port } };
  host.apply(await host.prepare({ ...options, listeners }));
  return {
    ...{ book, counters, logged },
    port: plane.addresses().main?.port as number,
    /** Asks the primaries of a secondary, behind what still runs. */
    refresh: (id: string) => host.refresh(id, false),
    /** Faults of ours. */
    faults: () => logged.filter(({ event }) => event === 'dns.failed'),
  };
}
