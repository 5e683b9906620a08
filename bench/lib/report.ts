import type { IChangesResult } from './changes.ts';
import type { IIdleResult } from './idle.ts';
import type { IMeasurement } from './load.ts';
import type { IMachine } from './machine.ts';
import type { IMemoryResult } from './memory.ts';
import type { IStartResult } from './startup.ts';
import { indent, machineLine, megabytes, percent, ratio, table, trustLines } from './table.ts';

/** One proxy's result in one scenario. */
export interface IResultRow {
  proxy: string;
  /** Medians. */
  median: IMeasurement;
  rounds: IMeasurement[];
}

/** One scenario's results. */
export interface IScenarioResult {
  name: string;
  title: string;
  /** Name of the row that ratios are taken of. */
  base: string;
  rows: IResultRow[];
  /** Bytes of an answer, where the price of a GiB is of interest. */
  bytesPerRequest?: number;
}

/** All that a run of the benchmark found, as it is written to the JSON file. */
export interface IReport {
  at: string;
  machine: IMachine;
  versions: Record<string, string>;
  rounds: number;
  secondsPerRound: number;
  scenarios: IScenarioResult[];
  memory?: IMemoryResult;
  idle?: IIdleResult[];
  changes?: IChangesResult;
  start?: IStartResult;
  /** What could not be measured, and why. */
  missing: string[];
}

/** The report as text. */
export function formatReport(report: IReport): string {
  const { machine } = report;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const blocks = [
    [
      machineLine(machine),
      `Node ${machine.node}, wrk ${machine.wrk}; ${versions.join(', ')}`,
      `Medians of ${report.rounds} rounds of ${report.secondsPerRound} s, proxies in turn; proxy on core 0, ` +
        'load and backends on core 1.',
      ...trustLines(machine),
    ].join('\n'),
    ...report.scenarios.map(formatScenario),
  ];
  if (report.memory) blocks.push(formatMemory(report.memory));
  if (report.changes) blocks.push(formatChanges(report.changes));
  if (report.idle) blocks.push(formatIdle(report.idle));
  if (report.start) blocks.push(formatStart(report.start));
  if (report.missing.length > 0) blocks.push(`Not measured:\n${indent(report.missing).join('\n')}`);
  return `${blocks.join('\n\n')}\n`;
}

function formatScenario(result: IScenarioResult): string {
  const base = result.rows.find((row) => row.proxy === result.base)?.median;
  const head = [
    ...['', 'requests/s', `÷ ${result.base}`, 'CPU µs/request', `÷ ${result.base}`],
    ...['p50 ms', 'p99 ms', 'RSS MB', 'core 0', 'core 1', 'errors'],
  ];
  const rows = result.rows.map(({ proxy, median }) => {
    const direct = proxy === 'direct';
    return [
      proxy,
      Math.round(median.requestsPerSecond).toLocaleString('en-US'),
      direct ? '' : ratio(median.requestsPerSecond, base?.requestsPerSecond),
      direct ? '' : median.cpuUsPerRequest.toFixed(1),
      direct ? '' : ratio(median.cpuUsPerRequest, base?.cpuUsPerRequest),
      median.p50Ms.toFixed(2),
      median.p99Ms.toFixed(2),
      direct ? '' : megabytes(median.rssBytes),
      percent(median.proxyCoreBusy),
      percent(median.loadCoreBusy),
      median.errors === 0 ? '' : String(median.errors),
    ];
  });
  const lines = indent(table([head, ...rows]));
  if (result.bytesPerRequest !== undefined) lines.push(`  ${pricesOfGiB(result)}`);
  return [`${result.name}: ${result.title}`, ...lines].join('\n');
}

function pricesOfGiB({ rows, bytesPerRequest = 1 }: IScenarioResult): string {
  const prices = rows
    .filter(({ proxy }) => proxy !== 'direct')
    .map(({ proxy, median }) => {
      const ms = (median.cpuUsPerRequest * (2 ** 30 / bytesPerRequest)) / 1000;
      return `${proxy} ${Math.round(ms)} ms`;
    });
  return `CPU time of a GiB: ${prices.join(', ')}`;
}

function formatMemory(memory: IMemoryResult): string {
  const lines = [
    `${memory.routes} routes, after garbage collection, over a process with one route:`,
    `${Math.round(memory.heapBytesPerRoute)} bytes of heap a route, ` +
      `${Math.round(memory.rssBytesPerRoute)} bytes of resident memory a route`,
    `starting with them takes ${Math.round(memory.startMs)} ms`,
  ];
  return ['memory:', ...indent(lines)].join('\n');
}

function formatChanges({ changesPerSecond, quiet, changing }: IChangesResult): string {
  const row = (name: string, { requestsPerSecond, p50Ms, p99Ms }: IMeasurement): string[] => [
    name,
    Math.round(requestsPerSecond).toLocaleString('en-US'),
    p50Ms.toFixed(2),
    p99Ms.toFixed(2),
    ratio(p99Ms, quiet.p99Ms),
  ];
  const rows = [
    ['', 'requests/s', 'p50 ms', 'p99 ms', 'p99 ÷ quiet'],
    row('quiet', quiet),
    row(`${Math.round(changesPerSecond)} changes/s`, changing),
  ];
  return ['changes: routes added, changed and removed under load', ...indent(table(rows))].join(
    '\n',
  );
}

function formatIdle(results: readonly IIdleResult[]): string {
  const head = ['', 'kind', 'connections', 'RSS bytes each'];
  const rows = results.map(({ proxy, kind, connections, rssBytesPerConnection }) => [
    proxy,
    kind,
    connections.toLocaleString('en-US'),
    Math.round(rssBytesPerConnection).toLocaleString('en-US'),
  ]);
  return ['idle: connections that do nothing', ...indent(table([head, ...rows]))].join('\n');
}

function formatStart(start: IStartResult): string {
  const lines = [
    `from spawn to the first answer: ${Math.round(start.firstMs)} ms the first time, ` +
      `${Math.round(start.nextMs)} ms with Node's compile cache (medians of ${start.runs})`,
    `idle, with defaults: ${megabytes(start.idleRssBytes)} MB resident`,
  ];
  return ['start:', ...indent(lines)].join('\n');
}
