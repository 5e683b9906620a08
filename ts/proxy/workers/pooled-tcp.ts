import type { IPreparedTcp, ITcpChanges, SmartProxy } from '../tcp/index.ts';
import type { WorkerPool } from './worker-pool.ts';

/**
 * The TCP plane with workers, for whoever changes its entries: what `SmartProxy` offers, and the
 * workers prepare and follow as well.
 */
export class PooledTcp {
  private readonly tcp: SmartProxy;
  private readonly pool: WorkerPool;

  constructor(tcp: SmartProxy, pool: WorkerPool) {
    this.tcp = tcp;
    this.pool = pool;
  }

  /**
   * As `SmartProxy.prepare`, in all processes. One preparation at a time: `apply` or `discard` it
   * before the next.
   *
   * @throws DcError as `SmartProxy.prepare`; nothing is left open then.
   */
  async prepare(changes: ITcpChanges): Promise<IPreparedTcp> {
    const prepared = await this.tcp.prepare(changes);
    try {
      await this.pool.prepare({ tcp: prepared });
    } catch (error) {
      await this.discard(prepared);
      throw error;
    }
    return prepared;
  }

  /** As `SmartProxy.apply`; `WorkerPool.flush()` resolves when it is in force in the workers. */
  apply(prepared: IPreparedTcp): void {
    this.tcp.apply(prepared);
    this.pool.apply();
  }

  /** As `SmartProxy.discard`, in all processes. */
  async discard(prepared: IPreparedTcp): Promise<void> {
    await this.pool.discard();
    await this.tcp.discard(prepared);
  }
}
