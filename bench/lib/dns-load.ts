import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { coreTimes, loadCore, proxyCore, usageOf } from './processes.ts';
import { median } from './statistics.ts';

const run = promisify(execFile);

/** A load that dnsperf makes. */
export interface IDnsLoad {
  port: number;
  /** A question a line; they are asked again and again. */
  questionsFile: string;
  /** @default 'udp' */
  mode?: 'udp' | 'tcp';
  /** Sockets, or connections. */
  clients: number;
  /** Queries without an answer at once, of all clients. */
  open: number;
  /** Whether signatures are asked for. @default false */
  dnssec?: boolean;
  seconds: number;
  /** Threads of dnsperf, each of which sends and receives with one of its own. @default 1 */
  threads?: number;
  /** Cores that dnsperf may use. @default loadCore */
  core?: string;
}

/** What one load came to. */
export interface IDnsMeasurement {
  queriesPerSecond: number;
  /** Processor time of the server's process tree for one query. */
  cpuUsPerQuery: number;
  meanMs: number;
  /** Resident memory of the server's process tree, right after the load. */
  rssBytes: number;
  /** Share of the time that the server's core was busy, 0 to 1. */
  serverCoreBusy: number;
  /** The same of the load generator's core. */
  loadCoreBusy: number;
  /** Bytes of an answer, on average. */
  answerBytes: number;
  /** Queries without an answer. */
  lost: number;
  /** Answers other than NOERROR. */
  errors: number;
}

/** Puts the load on a server and measures it. `pid`: the root of the server's process tree. */
export async function measureDns(load: IDnsLoad, pid: number): Promise<IDnsMeasurement> {
  const usageBefore = usageOf(pid);
  const serverBefore = coreTimes(proxyCore);
  const loadBefore = coreTimes(loadCore);
  const result = parse(await dnsperf(load));
  const usage = usageOf(pid);
  const busy = (core: number, before: { busy: number; total: number }): number => {
    const after = coreTimes(core);
    return (after.busy - before.busy) / Math.max(1, after.total - before.total);
  };
  const { completed, ...measured } = result;
  return {
    ...measured,
    cpuUsPerQuery: (usage.cpuUs - usageBefore.cpuUs) / Math.max(1, completed),
    rssBytes: usage.rssBytes,
    serverCoreBusy: busy(proxyCore, serverBefore),
    loadCoreBusy: busy(loadCore, loadBefore),
  };
}

async function dnsperf(load: IDnsLoad): Promise<string> {
  const args = [
    ...['-c', load.core ?? String(loadCore), 'dnsperf', '-s', '127.0.0.1', '-p', `${load.port}`],
    ...['-m', load.mode ?? 'udp', '-d', load.questionsFile, '-l', `${load.seconds}`],
    ...['-c', `${load.clients}`, '-q', `${load.open}`, '-T', `${load.threads ?? 1}`],
    // A query that is lost occupies its place for so long.
    ...['-t', '1', '-O', 'suppress=timeout,congestion,sendfailed,unexpected'],
    ...(load.dnssec === true ? ['-D'] : []),
  ];
  const { stdout } = await run('taskset', args, { maxBuffer: 1 << 20 });
  return stdout;
}

type TDnsperfResult = Pick<
  IDnsMeasurement,
  'queriesPerSecond' | 'meanMs' | 'answerBytes' | 'lost' | 'errors'
> & { completed: number };

/** Reads dnsperf's report. @throws when it is none. */
export function parse(output: string): TDnsperfResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  if (!output.includes('Queries per second')) throw new Error(`dnsperf failed:\n${output}`);
  const completed = number(/Queries completed:\s+(\d+)/);
  return {
    completed,
    queriesPerSecond: number(/Queries per second:\s+([\d.]+)/),
    meanMs: number(/Average Latency \(s\):\s+([\d.]+)/) * 1000,
    answerBytes: number(/Average packet size:\s+request \d+, response (\d+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    errors: completed - number(/NOERROR (\d+)/),
  };
}

/** Each number's median over the rounds; what was lost or wrong is added up. */
export function dnsMedians(rounds: readonly IDnsMeasurement[]): IDnsMeasurement {
  const of = (pick: (round: IDnsMeasurement) => number): number => median(rounds.map(pick));
  const sum = (pick: (round: IDnsMeasurement) => number): number =>
    rounds.reduce((total, round) => total + pick(round), 0);
  return {
    queriesPerSecond: of((round) => round.queriesPerSecond),
    cpuUsPerQuery: of((round) => round.cpuUsPerQuery),
    meanMs: of((round) => round.meanMs),
    rssBytes: of((round) => round.rssBytes),
    serverCoreBusy: of((round) => round.serverCoreBusy),
    loadCoreBusy: of((round) => round.loadCoreBusy),
    answerBytes: of((round) => round.answerBytes),
    lost: sum((round) => round.lost),
    errors: sum((round) => round.errors),
  };
}
