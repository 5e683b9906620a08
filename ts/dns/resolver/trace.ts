import { formatName, type TName } from '../codec/name.ts';
import { recordTypeName } from '../codec/types.ts';
import type { IWork } from './answer.ts';
import type { IServer } from './transport.ts';

/** What was asked of whom. */
export interface ITraced {
  readonly zone: TName | null;
  readonly server: IServer;
  readonly name: TName;
  readonly type: number;
  readonly startMs: number;
}

/** Tells whoever listens to the work of a query, and costs nothing when nobody does. */
export function tell(work: IWork, traced: ITraced, endMs: number, outcome: string): void {
  if (work.trace === null) return;
  const { zone, server, name, type, startMs } = traced;
  work.trace({
    depth: work.depth,
    zone: zone === null ? null : formatName(zone),
    server: server.address,
    name: formatName(name),
    type: recordTypeName(type),
    outcome,
    durationMs: endMs - startMs,
  });
}
