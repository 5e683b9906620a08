import { execFileSync } from 'node:child_process';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { coreTimes, loadCore, proxyCore } from './processes.ts';

/** Where the numbers come from. */
export interface IMachine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  wrk: string;
  /** Share of both cores that something else used right before the start, 0 to 1. */
  otherLoad: number;
}

const watchMs = 1000;

/** Describes this machine, without a name or a path of it. Takes a second, to see how idle it is. */
export async function describeMachine(): Promise<IMachine> {
  const before = [coreTimes(proxyCore), coreTimes(loadCore)];
  await new Promise((done) => setTimeout(done, watchMs));
  const shares = [coreTimes(proxyCore), coreTimes(loadCore)].map((after, index) => {
    const { busy, total } = before[index] ?? after;
    return (after.busy - busy) / Math.max(1, after.total - total);
  });
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / (1 << 30)),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    // wrk prints its version and fails, because no load was asked for.
    wrk: /wrk (\S+)/.exec(execFileSync('sh', ['-c', 'wrk -v 2>&1 || true']).toString())?.[1] ?? '',
    otherLoad: shares.reduce((sum, share) => sum + share, 0) / shares.length,
  };
}
