import type { IPortProxySettings } from '../../../ts_interfaces/index.ts';
import { portKey } from '../../net/ports.ts';
import type { IPreparedWeb } from '../proxy-manager.ts';
import type { IPreparedTcp } from '../tcp/index.ts';
import type { IPreparedUdp } from '../udp/index.ts';
import type { IPreparedPlan } from './protocol.ts';

/** The web plane as workers get it: data only, without routes, with the ports that are really bound. */
export function webForWorkers(
  { web, entrypoints: bound }: IPreparedWeb,
  authProviders: readonly string[],
): NonNullable<IPreparedPlan['web']> {
  const { routes: _routes, entrypoints = {}, ...options } = web;
  const entries = Object.entries(entrypoints).map(([name, entrypoint]) => {
    const port = bound.get(name)?.listener.bound.port ?? entrypoint.port;
    return [name, { ...entrypoint, port }];
  });
  return { options: { ...options, entrypoints: Object.fromEntries(entries) }, authProviders };
}

/** Entries as workers get them: the kernel is main's, and so is the choice of free ports. */
export function tcpForWorkers(prepared: IPreparedTcp | undefined): IPreparedPlan['tcp'] {
  const set: IPortProxySettings[] = [];
  const removed = [...(prepared?.removed ?? [])];
  for (const { settings, ports, udp } of prepared?.entries ?? []) {
    if (settings.forwarding === 'kernel' && settings.kernelFallback === false) {
      removed.push(settings.id);
      continue;
    }
    const { address: host, fromPort } = settings;
    const [udpPort] = (udp as IPreparedUdp | null)?.ports ?? [];
    const free = (ports.get(portKey({ host, port: 0 })) ?? udpPort)?.port;
    const port = fromPort === 0 && free !== undefined ? { fromPort: free } : {};
    set.push({ ...settings, ...port, forwarding: 'user' });
  }
  return { set, removed };
}
