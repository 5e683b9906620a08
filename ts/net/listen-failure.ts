import { portHolder } from './port-holder.ts';
import type { IPortAddress } from './ports.ts';

/** A worker was not given the handle of a port by the main process. */
export const notOffered = 'ENOTOFFERED';

/** A number that is no port. */
export const noPort = 'ENOPORT';

const reasons: Readonly<Record<string, string>> = {
  EACCES:
    'the process may not bind this port. Take a port from 1024 on, or allow it: ' +
    '"setcap cap_net_bind_service=+ep" on the node program, AmbientCapabilities=CAP_NET_BIND_SERVICE ' +
    'in a systemd unit, or "sysctl net.ipv4.ip_unprivileged_port_start"',
  EADDRNOTAVAIL: 'the machine does not have this address',
  EAFNOSUPPORT: 'the machine does not have this kind of address',
  EINVAL: 'the machine cannot bind this address; an IPv6 zone has to be a network interface',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  [noPort]: 'that is no port; take one from 0 to 65535',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve at the moment',
  [notOffered]: 'the main process did not hand it over',
};

/**
 * Resolves to a text that says which port cannot be bound, why, who holds it where the kernel tells us, and what helps.
 *
 * @param code of the operating system, or `notOffered`.
 */
export async function listenFailure(address: IPortAddress, code: string): Promise<string> {
  const { host, port, purpose } = address;
  const place = host?.includes(':') ? `[${host}]` : (host ?? '*');
  const reason = code === 'EADDRINUSE' ? await heldBy(port) : (reasons[code] ?? code);
  return `Cannot listen on "${place}:${port}"${purpose ? ` for ${purpose}` : ''}: ${reason}`;
}

async function heldBy(port: number): Promise<string> {
  const holder = await portHolder(port);
  if (holder === null) return 'somebody listens there already';
  const { pid, program } = holder;
  const who = pid === process.pid ? 'this process' : `"${program}" (pid ${pid})`;
  return `${who} listens there already`;
}
