import { setTimeout as wait } from 'node:timers/promises';
import type { IConnectionInfo } from '../../ts_interfaces/index.ts';
import type { ApiClient } from './client.ts';
import { type IArguments, type TCommandRun, UsageError } from './command.ts';
import { amount, bytes, duration } from './format.ts';
import { draw, type Output } from './output.ts';

const intervalMs = 1_000;
const filters = ['protocol', 'client', 'entrypoint', 'backend'] as const;
/** Connections that are redrawn every second; the others are counted. */
const watchedMax = 100;

interface IConnections {
  items: IConnectionInfo[];
  total: number;
}

/** `dcrouter connections`; `--close ID` breaks one off, `--watch` shows them every second anew. */
export const connections: TCommandRun = async ({ client, arguments: given, output }) => {
  const ids = given.values('close');
  const watches = given.has('watch');
  if (ids.length > 0 && (watches || filters.some((name) => given.has(name)))) {
    throw new UsageError('--close takes ids alone: filters and --watch cannot stand beside it');
  }
  const api = await client();
  if (ids.length > 0) return await close(api, ids, output);
  if (!watches) {
    const items = await api.all<IConnectionInfo>('/connections', queryOf(given));
    output.show(items, () => linesOf({ items, total: items.length }, output));
    return 0;
  }
  for (let round = 0; ; round++) {
    const query = { ...queryOf(given), limit: watchedMax };
    const found = await api.call<IConnections>('GET', '/connections', { query });
    if (output.json) output.line(found);
    else draw(output, linesOf(found, output), round === 0 ? 'first' : 'again');
    await wait(intervalMs);
  }
};

async function close(api: ApiClient, ids: readonly string[], output: Output): Promise<number> {
  for (const id of ids) await api.call('DELETE', `/connections/${encodeURIComponent(id)}`);
  output.show({ closed: ids }, () => ids.map((id) => `closed  ${output.styled(id, 'bold')}`));
  return 0;
}

function queryOf(given: IArguments): Record<string, string | undefined> {
  return Object.fromEntries(filters.map((name) => [name, given.value(name)]));
}

function linesOf({ items, total }: IConnections, output: Output): string[] {
  if (items.length === 0) return ['There are no connections'];
  const rows = items.map((one) => [
    one.id,
    one.protocol,
    one.client,
    `${one.entrypoint}:${one.port}`,
    one.serverName ?? '-',
    one.route ?? '-',
    one.backend ?? '-',
    duration(one.ageSeconds),
    duration(one.idleSeconds),
    bytes(one.bytesIn),
    bytes(one.bytesOut),
  ]);
  const head = [
    'ID',
    'PROTOCOL',
    'CLIENT',
    'ENTRYPOINT',
    'NAME',
    'ROUTE',
    'BACKEND',
    'AGE',
    'IDLE',
  ];
  const lines = output.table([...head, 'IN', 'OUT'], rows);
  return total > items.length ? [...lines, `and ${amount(total - items.length)} more`] : lines;
}
