import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { coreTimes, loadCore, proxyCore, usageOf } from './processes.ts';

const run = promisify(execFile);

/** A load that wrk makes. */
export interface ILoad {
  url: string;
  connections: number;
  seconds: number;
  headers?: Record<string, string>;
  /** Path of a Lua script. */
  script?: string;
  /** Arguments of the script. */
  scriptArguments?: string[];
  /** Threads of wrk. @default 1 */
  threads?: number;
  /** Cores that wrk may use. @default loadCore */
  core?: string;
}

/** What one load came to. */
export interface IMeasurement {
  requestsPerSecond: number;
  /** Processor time of the proxy's process tree for one request. */
  cpuUsPerRequest: number;
  p50Ms: number;
  p99Ms: number;
  /** Resident memory of the proxy's process tree, right after the load. */
  rssBytes: number;
  /** Share of the time that the proxy's core was busy, 0 to 1. */
  proxyCoreBusy: number;
  /** The same of the core of the load generator and the backends. */
  loadCoreBusy: number;
  /** Answers that were not 2xx or 3xx, and socket errors. */
  errors: number;
}

/** Puts the load on a proxy and measures it. `pid`: the root of the proxy's process tree. */
export async function measure(load: ILoad, pid: number): Promise<IMeasurement> {
  const usageBefore = usageOf(pid);
  const proxyBefore = coreTimes(proxyCore);
  const loadBefore = coreTimes(loadCore);
  const output = await wrk(load);
  const usage = usageOf(pid);
  const busy = (core: number, before: { busy: number; total: number }): number => {
    const after = coreTimes(core);
    return (after.busy - before.busy) / Math.max(1, after.total - before.total);
  };
  const result = parse(output);
  return {
    requestsPerSecond: result.requestsPerSecond,
    cpuUsPerRequest: (usage.cpuUs - usageBefore.cpuUs) / Math.max(1, result.requests),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    rssBytes: usage.rssBytes,
    proxyCoreBusy: busy(proxyCore, proxyBefore),
    loadCoreBusy: busy(loadCore, loadBefore),
    errors: result.errors,
  };
}

async function wrk(load: ILoad): Promise<string> {
  const headers = Object.entries(load.headers ?? {}).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  const script = load.script === undefined ? [] : ['-s', load.script];
  const args = [
    ...['-c', load.core ?? String(loadCore), 'wrk', `-t${load.threads ?? 1}`],
    ...['--latency', '--timeout', '10s'],
    ...[`-c${load.connections}`, `-d${load.seconds}s`],
    ...headers,
    ...script,
    load.url,
    ...(load.scriptArguments ? ['--', ...load.scriptArguments] : []),
  ];
  const { stdout } = await run('taskset', args, { maxBuffer: 1 << 20 });
  return stdout;
}

interface IWrkResult {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  errors: number;
}

/** Reads wrk's report; what it does not mention (errors) is zero. */
export function parse(output: string): IWrkResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    output,
  );
  const socketErrors = (sockets ?? []).slice(1).reduce((sum, text) => sum + Number(text), 0);
  return {
    requests: number(/(\d+) requests in/),
    requestsPerSecond: number(/Requests\/sec:\s*([\d.]+)/),
    p50Ms: milliseconds(/ 50%\s+([\d.]+)(us|ms|s|m)/.exec(output)),
    p99Ms: milliseconds(/ 99%\s+([\d.]+)(us|ms|s|m)/.exec(output)),
    errors: socketErrors + number(/Non-2xx or 3xx responses: (\d+)/),
  };
}

function milliseconds(match: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1000, m: 60_000 }[match?.[2] ?? ''] ?? 0;
  return Number(match?.[1] ?? 0) * factor;
}
