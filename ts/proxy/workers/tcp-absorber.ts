import type { ITcpLive, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { ITcpElsewhere } from '../tcp/index.ts';
import { addStats, noStats } from '../tcp-stats.ts';
import type { ITcpWork, IWorkReport } from './protocol.ts';

/** What a worker has told of the TCP plane. */
interface ITcpGauge {
  entries: Map<string, ITcpWork>;
  total: ITcpStats;
}

/** Adds up what the workers did for TCP and UDP entries. */
export class TcpAbsorber implements ITcpElsewhere {
  private readonly workers = new Map<number, ITcpGauge>();
  /** By entry: what workers did that are gone. */
  private readonly past = new Map<string, ITcpWork>();
  private readonly pastTotal = noStats();

  /** Of all entries, also of those that are gone. */
  get total(): ITcpStats {
    const sum = { ...this.pastTotal };
    for (const { total } of this.workers.values()) addStats(sum, total);
    return sum;
  }

  informed(id: string, live: ITcpLive): ITcpLive {
    const parts = [
      this.past.get(id),
      ...[...this.workers.values()].map((one) => one.entries.get(id)),
    ];
    const stats = { ...live.stats };
    const endpoints = live.endpoints.map((endpoint) => ({ ...endpoint }));
    for (const part of parts) {
      if (part === undefined) continue;
      addStats(stats, part.stats);
      for (const endpoint of endpoints) {
        const { domainConfig, id: backend } = endpoint;
        const done = part.endpoints.find((one) => {
          return one.id === backend && one.domainConfig === domainConfig;
        });
        endpoint.active += done?.active ?? 0;
        endpoint.connections += done?.connections ?? 0;
      }
    }
    return { ...live, stats, endpoints };
  }

  /** A worker has come. */
  joined(worker: number): void {
    this.workers.set(worker, { entries: new Map(), total: noStats() });
  }

  /** Takes what a worker tells. */
  absorb(worker: number, { tcp, tcpTotal }: Pick<IWorkReport, 'tcp' | 'tcpTotal'>): void {
    const gauge = this.workers.get(worker);
    if (gauge === undefined) return;
    gauge.total = tcpTotal;
    for (const work of tcp) gauge.entries.set(work.entryId, work);
  }

  /** Sessions that a worker has, but for those that its web plane serves. */
  openOf(worker: number): number {
    return this.workers.get(worker)?.total.open ?? 0;
  }

  /** A worker is gone: nothing of it is open any more; what it did stays counted. */
  parted(worker: number): void {
    const gauge = this.workers.get(worker);
    if (gauge === undefined) return;
    this.workers.delete(worker);
    addStats(this.pastTotal, { ...gauge.total, open: 0 });
    for (const { entryId, stats, endpoints } of gauge.entries.values()) {
      const ended = endpoints.map((endpoint) => ({ ...endpoint, active: 0 }));
      const before = this.past.get(entryId);
      if (before === undefined) {
        this.past.set(entryId, { entryId, stats: { ...stats, open: 0 }, endpoints: ended });
        continue;
      }
      addStats(before.stats, { ...stats, open: 0 });
      for (const endpoint of ended) {
        const known = before.endpoints.find((one) => {
          return one.id === endpoint.id && one.domainConfig === endpoint.domainConfig;
        });
        if (known === undefined) before.endpoints.push(endpoint);
        else known.connections += endpoint.connections;
      }
    }
  }

  /** An entry was removed: the next one of this name begins at 0. */
  forget(entryId: string): void {
    this.past.delete(entryId);
    for (const { entries } of this.workers.values()) entries.delete(entryId);
  }
}
