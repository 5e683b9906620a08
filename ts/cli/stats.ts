import { setTimeout as wait } from 'node:timers/promises';
import type { IGlobalStats, IRouteStats, ITrafficStats } from '../../ts_interfaces/index.ts';
import type { TCommandRun } from './command.ts';
import { amount, bytes, duration, milliseconds } from './format.ts';
import { draw, type Output, type TCell } from './output.ts';

const intervalMs = 1_000;
type TStats = IGlobalStats | IRouteStats;

/**
 * `dcrouter stats [ROUTE]`: every second anew until it is interrupted, on a screen in one place,
 * else a line each.
 */
export const stats: TCommandRun = async ({ client, arguments: given, output }) => {
  const [route] = given.positionals;
  const path = route === undefined ? '/stats' : `/stats/${encodeURIComponent(route)}`;
  const api = await client();
  const once = given.has('once');
  for (let round = 0; ; round++) {
    const found = await api.call<TStats>('GET', path);
    if (output.json) output.line(found);
    else draw(output, statsLines(found, output), once ? 'once' : round === 0 ? 'first' : 'again');
    if (once) return 0;
    await wait(intervalMs);
  }
};

function statsLines(found: TStats, output: Output): string[] {
  const lines = output.pairs(
    'uptimeSeconds' in found
      ? [...globalPairs(found), ...trafficPairs(found)]
      : [['Route', `${found.routeId} (${found.vHost})`] as const, ...trafficPairs(found)],
  );
  if (!('backends' in found) || found.backends.length === 0) return lines;
  const rows = found.backends.map((one): TCell[] => [
    one.id,
    one.isDead ? { text: 'dead', style: 'red' } : { text: 'alive', style: 'green' },
    amount(one.requests),
    amount(one.active),
    milliseconds(one.latencyMs),
    amount(one.failureCount),
    amount(one.idleConnections),
  ]);
  const head = ['BACKEND', 'STATE', 'REQUESTS', 'ACTIVE', 'LATENCY', 'FAILURES', 'IDLE'];
  return [...lines, '', ...output.table(head, rows)];
}

function globalPairs(found: IGlobalStats): [string, TCell][] {
  const { connections, accessLog, memory } = found;
  return [
    ['Up', duration(found.uptimeSeconds)],
    ['Routes', amount(found.routes)],
    [
      'TCP',
      `${amount(found.tcp.open)} open, ${amount(found.tcp.total)} in all, ` +
        `${amount(found.tcp.refused)} refused, ${amount(found.tcp.failed)} failed`,
    ],
    ['DNS', dnsText(found.dns)],
    [
      'Connections',
      `${amount(connections.open)} open, ${amount(connections.total)} in all, ` +
        `${amount(connections.refused)} refused, ${amount(connections.tunnels)} tunnels`,
    ],
    ['Memory', `${bytes(memory.rssBytes)} (heap ${bytes(memory.heapUsedBytes)})`],
    ['Access log', `${amount(accessLog.written)} written, ${amount(accessLog.dropped)} dropped`],
  ];
}

function dnsText({ queriesPerSecond, queries, failed, dropped }: IGlobalStats['dns']): string {
  const rate = `${amount(queriesPerSecond)} queries/s, ${amount(queries)} in all`;
  return `${rate}, ${amount(failed)} failed, ${amount(dropped)} dropped`;
}

function trafficPairs(found: ITrafficStats): [string, TCell][] {
  const { latency, errorRate } = found;
  const rate = `${amount(errorRate * 100)} % (${amount(found.errors)} in all)`;
  const statuses = Object.entries(found.statuses).filter(([, count]) => count > 0);
  return [
    ['Requests/s', { text: amount(found.requestsPerSecond), style: 'bold' }],
    ['Requests', amount(found.requests)],
    ['Errors', errorRate > 0 ? { text: rate, style: 'red' } : rate],
    ['Statuses', statuses.map(([name, count]) => `${name} ${amount(count)}`).join('  ') || '-'],
    ['Active', `${amount(found.active)}, queued ${amount(found.queued)}`],
    ['Retries', amount(found.retries)],
    ['Traffic', `${bytes(found.bytesIn)} in, ${bytes(found.bytesOut)} out`],
    [
      'Latency',
      `p50 ${milliseconds(latency.p50)}  p95 ${milliseconds(latency.p95)}  ` +
        `p99 ${milliseconds(latency.p99)}  max ${milliseconds(latency.max)}`,
    ],
  ];
}
