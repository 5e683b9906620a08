import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** Core of the proxy that is measured, alone. */
export const proxyCore = 0;
/** Core of the load generator and the backends. */
export const loadCore = 1;

/** A server that runs until `stop()`. */
export interface IRunning {
  pid: number;
  /** What it has written so far, for messages. */
  output(): string;
  hasEnded(): boolean;
  /** Resolves when the process has gone: SIGTERM, after five seconds SIGKILL. */
  stop(): Promise<void>;
}

const stopTimeoutMs = 5000;
const searchPath = `${process.env.PATH}${delimiter}/usr/local/sbin${delimiter}/usr/sbin${delimiter}/sbin`;

/** Full path of a program, also where an ordinary user's PATH does not look. */
export function findProgram(name: string): string | undefined {
  return searchPath
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Starts a program on one core or several (`0,1`), its children with it. */
export function startPinned(
  core: number | string,
  command: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): IRunning {
  const child = spawn('taskset', ['-c', String(core), ...command], {
    cwd: options.cwd,
    env: { ...process.env, PATH: searchPath, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-4000);
    });
  }
  const ended = once(child, 'close');
  // Nothing outlives the benchmark, however it ends. SIGTERM, so that nginx takes its worker along.
  const end = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', end);
  return {
    pid: child.pid ?? 0,
    output: () => text,
    hasEnded: () => hasEnded(child),
    async stop() {
      process.off('exit', end);
      if (hasEnded(child)) return;
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      end();
      await ended;
      clearTimeout(timer);
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** What a process tree has used so far. */
export interface IUsage {
  /** Processor time, user and system, in microseconds. Resolution: the kernel's tick, 10 ms. */
  cpuUs: number;
  /** Resident memory in bytes; shared pages count in every process. */
  rssBytes: number;
}

const tickUs = 10_000;
const pageBytes = 4096;

/** Usage of a process and all its descendants. */
export function usageOf(pid: number): IUsage {
  const usage: IUsage = { cpuUs: 0, rssBytes: 0 };
  const children = new Map<number, number[]>();
  const stats = new Map<number, string[]>();
  for (const entry of readdirSync('/proc')) {
    const id = Number(entry);
    if (!Number.isInteger(id)) continue;
    const fields = statOf(id);
    if (fields === undefined) continue;
    stats.set(id, fields);
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const waiting = [pid];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const fields = stats.get(id);
    if (fields === undefined) continue;
    usage.cpuUs += (Number(fields[11]) + Number(fields[12])) * tickUs;
    usage.rssBytes += Number(fields[21]) * pageBytes;
    waiting.push(...(children.get(id) ?? []));
  }
  return usage;
}

/** Fields of `/proc/PID/stat` from the third (state) on; the second may hold spaces. */
function statOf(pid: number): string[] | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Time that a core has been busy and idle since boot, in ticks. */
export function coreTimes(core: number): { busy: number; total: number } {
  const line = readFileSync('/proc/stat', 'latin1')
    .split('\n')
    .find((text) => text.startsWith(`cpu${core} `));
  const times = (line ?? '').split(' ').slice(1).map(Number);
  const total = times.reduce((sum, time) => sum + time, 0);
  return { busy: total - (times[3] ?? 0) - (times[4] ?? 0), total };
}

/** Free ports of loopback; they are taken one after the other, so they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
