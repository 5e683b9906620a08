import type { TestContext } from 'node:test';
import { systemClock } from '../../ts/core/clock.ts';
import { EventBus } from '../../ts/core/event-bus.ts';
import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import { Answerer, ZoneSet } from '../../ts/dns/answer/index.ts';
import { NodeTransport } from '../../ts/dns/resolver/index.ts';
import { StreamServer, UdpServer } from '../../ts/dns/server/index.ts';
import {
  NotifySender,
  SecondaryKeeper,
  SpecialQueries,
  TransferCounters,
} from '../../ts/dns/transfer/index.ts';
import { ZoneBook } from '../../ts/dns/zones/index.ts';
import { TsigKeys } from '../../ts/dns/zones/tsig-keys.ts';
import { LocalPorts } from '../../ts/net/ports.ts';
import { MemoryStore } from '../../ts/storage/memory-store.ts';
import type { ITsigKeyOptions, IZoneOptions } from '../../ts_interfaces/index.ts';

/** A line of the log. */
export interface ILogged {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/**
 * Hosted zones with all that moves them, on a port of loopback for the length of a test: a book, a
 * server, transfers, notifications and updates.
 */
export async function serveBook(
  context: TestContext,
  zones: readonly IZoneOptions[],
  keys: Record<string, ITsigKeyOptions> = {},
  port = 0,
) {
  const logged: ILogged[] = [];
  const log = (event: string, _message: string, data: Record<string, unknown> = {}): void => {
    logged.push({ event, data });
  };
  const logger: ILogger = { ...silentLogger, info: log, warn: log, error: log };
  const [bus, clock, counters] = [new EventBus(), systemClock, new TransferCounters()];
  const tsig = new TsigKeys(keys);
  const store = new MemoryStore();
  await store.open();
  const book = new ZoneBook({
    store,
    bus,
    logger,
    clock,
    resolver: () => {
      throw new Error('Nothing is resolved here');
    },
    health: { backends: () => undefined, follow: () => () => undefined },
    isInMemory: true,
    dataDir: undefined,
    baseFolder: () => '/',
  });
  await book.load();
  const transport = new NodeTransport();
  const moving = { book, keys: () => tsig, transport, counters, logger, clock };
  const secondaries = new SecondaryKeeper(moving);
  const notifies = new NotifySender(moving);

  const set = new ZoneSet();
  book.follow({
    onServed: ({ served, apex, state }) => {
      if (served !== null) set.set(served.zone, served.signer, served.draws);
      else set.setAbsent(apex, state === 'expired' ? 'expired' : 'loading');
    },
    onRemoved: ({ apex }) => set.delete(apex),
  });
  const special = new SpecialQueries({
    book,
    view: null,
    keys: () => tsig,
    lists: { get: () => undefined },
    plain: () => answerer,
    notified: secondaries.notified,
    bus,
    counters,
    logger,
    clock,
  });
  const answerer: Answerer = new Answerer(set, { special });
  const faults: unknown[] = [];
  const server = { handler: answerer, onFault: (error: unknown) => faults.push(error) };
  const tcp = new StreamServer(server);
  const udp = new UdpServer(server);
  const bound = await tcp.start(new LocalPorts(), { host: '127.0.0.1', port });
  udp.start({ host: '127.0.0.1', port: bound.port });
  context.after(async () => {
    notifies.stop();
    await secondaries.stop();
    udp.stop();
    tcp.stop();
    await book.stop();
    await store.close();
    transport.close();
  });
  book.apply(await book.prepare({ set: zones, removed: [] }));
  secondaries.start();
  notifies.start();
  return { book, bus, counters, secondaries, notifies, port: bound.port, logged, faults };
}
