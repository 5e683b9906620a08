import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { canonicalIp } from '../../net/ip.ts';
import { type IKernelPlan, targetsOfPlan } from './kernel-plan.ts';

/** What the machine is asked before packets are forwarded. */
export interface IKernelHost {
  /** A kernel setting such as `net/ipv4/ip_forward`; undefined: it cannot be read. */
  setting(name: string): string | undefined;
  /** Addresses of this machine in normal form. */
  addresses(): ReadonlySet<string>;
  /** Whether the process with this id, started at this time (`startOf`), is alive. */
  startOf(pid: number): string | undefined;
}

/** This machine. */
export const machine: IKernelHost = {
  setting: (name) => readText(`/proc/sys/${name}`)?.trim(),
  addresses: () => {
    const infos = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    return new Set(infos.map(({ address }) => canonicalIp(address) ?? address));
  },
  startOf: (pid) => {
    // The program's name, in brackets, may have blanks; the 20th field after it is the start.
    const text = readText(`/proc/${pid}/stat`);
    return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  },
};

/**
 * Why this machine would not forward the entry's packets although the rules were in force, with what
 * to do; undefined: it would.
 */
export function hostObstacle(plan: IKernelPlan, host: IKernelHost): string | undefined {
  const own = host.addresses();
  const loopback: string[] = [];
  const foreign = new Set<4 | 6>();
  for (const { family, ip } of targetsOfPlan(plan)) {
    if (ip.startsWith('127.')) loopback.push(ip);
    else if (!own.has(ip)) foreign.add(family);
  }
  if (foreign.has(4) && host.setting('net/ipv4/ip_forward') === '0') {
    return obstacle('does not forward IPv4', 'net.ipv4.ip_forward=1');
  }
  if (foreign.has(6) && host.setting('net/ipv6/conf/all/forwarding') === '0') {
    return obstacle('does not forward IPv6', 'net.ipv6.conf.all.forwarding=1');
  }
  if (loopback.length > 0 && host.setting('net/ipv4/conf/all/route_localnet') === '0') {
    const what = `sends nothing from outside to ${loopback[0]}`;
    return `${obstacle(what, 'net.ipv4.conf.all.route_localnet=1')} or use another address of it`;
  }
  return undefined;
}

function obstacle(what: string, setting: string): string {
  return `this machine ${what}: run "sysctl -w ${setting}"`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process is gone, or this is no Linux: there is nothing to read then.
    return undefined;
  }
}
