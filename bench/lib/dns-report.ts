import type { IDnsMeasurement } from './dns-load.ts';
import type { IBigZoneResult } from './dns-zone.ts';
import type { IMachine } from './machine.ts';
import { indent, machineLine, megabytes, percent, ratio, table, trustLines } from './table.ts';

/** One server's result in one scenario. */
export interface IDnsRow {
  server: string;
  /** Medians. */
  median: IDnsMeasurement;
  rounds: IDnsMeasurement[];
}

/** One scenario's results. */
export interface IDnsScenarioResult {
  name: string;
  title: string;
  /** Rows that ratios are taken of. */
  bases: readonly string[];
  rows: IDnsRow[];
}

/** All that a run found, as it is written to the JSON file. */
export interface IDnsReport {
  at: string;
  machine: IMachine;
  versions: Record<string, string>;
  rounds: number;
  secondsPerRound: number;
  /** Records in each of the two zones. */
  records: number;
  scenarios: IDnsScenarioResult[];
  bigZone?: IBigZoneResult;
  /** What could not be measured, and why. */
  missing: string[];
}

/** The report as text. */
export function formatDnsReport(report: IDnsReport): string {
  const { machine } = report;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const blocks = [
    [
      machineLine(machine),
      `Node ${machine.node}; ${versions.join(', ')}`,
      `Medians of ${report.rounds} rounds of ${report.secondsPerRound} s, servers in turn; server on core 0, ` +
        `dnsperf on core 1; ${report.records.toLocaleString('en-US')} records in each zone.`,
      ...trustLines(machine),
    ].join('\n'),
    ...report.scenarios.map(formatScenario),
  ];
  if (report.bigZone) blocks.push(formatBigZone(report.bigZone));
  if (report.missing.length > 0) blocks.push(`Not measured:\n${indent(report.missing).join('\n')}`);
  return `${blocks.join('\n\n')}\n`;
}

function formatScenario({ name, title, bases, rows }: IDnsScenarioResult): string {
  const found = bases.flatMap((base) => rows.filter(({ server }) => server === base));
  const head = [
    ...['', 'queries/s', ...found.map(({ server }) => `÷ ${server}`)],
    ...['CPU µs/query', 'of a whole core', ...found.map(({ server }) => `÷ ${server}`)],
    ...['mean ms', 'RSS MB', 'bytes', 'core 0', 'core 1', 'lost', 'errors'],
  ];
  const lines = rows.map(({ server, median }) => [
    server,
    whole(median.queriesPerSecond),
    ...found.map((base) => ratio(median.queriesPerSecond, base.median.queriesPerSecond)),
    median.cpuUsPerQuery.toFixed(2),
    whole(perCore(median)),
    ...found.map((base) => ratio(perCore(median), perCore(base.median))),
    median.meanMs.toFixed(2),
    megabytes(median.rssBytes),
    String(Math.round(median.answerBytes)),
    percent(median.serverCoreBusy),
    percent(median.loadCoreBusy),
    median.lost === 0 ? '' : String(median.lost),
    median.errors === 0 ? '' : String(median.errors),
  ]);
  return [`${name}: ${title}`, ...indent(table([head, ...lines]))].join('\n');
}

/** Queries a second for each core that the server uses up: also when the load was the limit. */
function perCore({ cpuUsPerQuery }: IDnsMeasurement): number {
  return 1e6 / cpuUsPerQuery;
}

function formatBigZone(result: IBigZoneResult): string {
  const { records, library, daemon } = result;
  const lines = [
    `in the library: ${Math.round(library.bytesPerRecord)} bytes a record after garbage collection; ` +
      `read in ${whole(library.loadMs)} ms; one record changed in ${microseconds(library.changeMs)}`,
  ];
  if (daemon !== null) {
    lines.push(
      `in the daemon: ${Math.round(daemon.rssBytesPerRecord)} bytes of resident memory a record; ` +
        `first answer after ${whole(daemon.startMs)} ms; one record changed over the API in ` +
        `${daemon.changeMs.toFixed(1)} ms (stored and answered)`,
    );
  }
  return [`big: a zone with ${whole(records)} records`, ...indent(lines)].join('\n');
}

function microseconds(ms: number): string {
  return `${Math.round(ms * 1000)} µs`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
