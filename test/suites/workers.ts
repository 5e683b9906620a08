import type { TestContext } from 'node:test';
import { CertificateStore } from '../../ts/certificates/index.ts';
import { type IClock, systemClock } from '../../ts/core/clock.ts';
import { EventBus } from '../../ts/core/event-bus.ts';
import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import { LocalLimiters } from '../../ts/net/limiters.ts';
import { PortTable } from '../../ts/net/port-table.ts';
import { BackendNames } from '../../ts/proxy/backend-names.ts';
import { ProxyManager } from '../../ts/proxy/proxy-manager.ts';
import { type ITcpChanges, SmartProxy } from '../../ts/proxy/tcp/index.ts';
import { TlsContexts } from '../../ts/proxy/tls-contexts.ts';
import { UdpForwarder } from '../../ts/proxy/udp/index.ts';
import { PooledTcp, PortBook, WorkerPool } from '../../ts/proxy/workers/index.ts';
import type { IHooks, IWebOptions, TRouteInput } from '../../ts_interfaces/index.ts';
import { Client } from './web.ts';

/** What a pool is started with in a test. */
export interface IPoolSetUp {
  routes?: TRouteInput[];
  web?: IWebOptions;
  tcp?: ITcpChanges['set'];
  hooks?: IHooks;
  logger?: ILogger;
  /** Of the pool. @default systemClock */
  clock?: IClock;
  /** Binds the ports. @default with a handle for each worker */
  book?: PortBook;
  /** Of backends. @default the machine's */
  names?: BackendNames;
  /** @default 2 */
  workers?: number;
}

/** A main process's planes with workers, on one plain port. Stops with the test. */
export async function startPool(context: TestContext, setUp: IPoolSetUp = {}) {
  const { routes = [], web = {}, hooks = {}, logger = silentLogger, workers = 2 } = setUp;
  const { book = new PortBook(workers), clock, names = new BackendNames() } = setUp;
  const ports = new PortTable(book);
  const bus = new EventBus(logger);
  const limiters = new LocalLimiters();
  const certificates = new CertificateStore(bus);
  const proxy = new ProxyManager(
    { drainTimeoutMs: 5000 },
    { bus, logger, certificates, ports, limiters, names },
  );
  const { health, lists, ticketKeys, bridge } = proxy;
  const shared = { limiters, lists, health, names, bus, logger, clock: systemClock };
  const contexts = new TlsContexts([proxy.router, certificates]);
  const udp = new UdpForwarder({ ...shared, reusePort: true, serves: false });
  const tcp = new SmartProxy({ ...shared, ports, contexts, ticketKeys, bridge, udp });
  const parts = { proxy, tcp, ports: book, limiters, certificates, names, bus, logger, clock };
  const pool = new WorkerPool({ workers, ...parts });
  const pooledTcp = new PooledTcp(tcp, pool);

  /** Changes the web plane in all processes. */
  const configure = async (options: IWebOptions): Promise<void> => {
    const prepared = await proxy.prepare(options, hooks);
    const authProviders = Object.keys(hooks.authProviders ?? {});
    try {
      await pool.prepare({ web: prepared, authProviders });
    } catch (error) {
      await pool.discard();
      await proxy.discard(prepared);
      throw error;
    }
    proxy.apply(prepared);
    pool.apply();
  };

  /** Changes the TCP plane in all processes. */
  const change = async (changes: ITcpChanges): Promise<void> => {
    pooledTcp.apply(await pooledTcp.prepare(changes));
    await pool.flush();
  };

  await proxy.start();
  await tcp.start();
  context.after(async () => {
    await Promise.all([pool.stop(0), tcp.stop(0), proxy.stop(0)]);
  });
  await configure({ entrypoints: { http: { address: '127.0.0.1', port: 0 } }, ...web });
  if (setUp.tcp !== undefined) await change({ set: setUp.tcp, removed: [] });
  for (const route of routes) proxy.router.addRoute(route);
  await pool.start();
  const port = proxy.addresses().http?.port ?? 0;
  return { pool, proxy, tcp, bus, certificates, limiters, port, configure, change };
}

/** A client of each worker, in the workers' order. The kernel decides who serves a connection. */
export async function clientOfEach(
  context: TestContext,
  pool: WorkerPool,
  port: number,
): Promise<Client[]> {
  const found = new Map<number, Client>();
  const wanted = pool.workers().length;
  while (found.size < wanted) {
    const client = await Client.open(context, port);
    // A byte of a request, so that it is taken before it is listed.
    client.socket.write('\r\n');
    const address = `127.0.0.1:${(client.socket.address() as { port: number }).port}`;
    let worker: number | null | undefined;
    while (worker === undefined) {
      const listed = await pool.connections();
      worker = listed.find((one) => one.client === address)?.worker;
    }
    if (worker === null || found.has(worker)) client.socket.destroy();
    else found.set(worker, client);
  }
  return [...found].sort(([one], [other]) => one - other).map(([, client]) => client);
}
