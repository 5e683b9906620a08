import type { ITcpStats } from '../../ts_interfaces/index.ts';

/** Numbers of something that has done nothing yet. */
export function noStats(): ITcpStats {
  return { open: 0, total: 0, refused: 0, failed: 0, bytesIn: 0, bytesOut: 0 };
}

/** Adds what is there of some numbers to others. */
export function addStats(sum: ITcpStats, more: Partial<ITcpStats> | undefined): void {
  if (more === undefined) return;
  sum.open += more.open ?? 0;
  sum.total += more.total ?? 0;
  sum.refused += more.refused ?? 0;
  sum.failed += more.failed ?? 0;
  sum.bytesIn += more.bytesIn ?? 0;
  sum.bytesOut += more.bytesOut ?? 0;
}
