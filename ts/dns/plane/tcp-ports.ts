import { isIP } from 'node:net';
import { DcError } from '../../core/errors.ts';
import type { DescriptorGuard } from '../../net/descriptors.ts';
import { type ITcpHandle, newTcpServer, reusePortFlag, systemError } from '../../net/handles.ts';
import { listenFailure } from '../../net/listen-failure.ts';
import { HandedPorts, type IBoundPort, type IPortAddress, portKey } from '../../net/ports.ts';
import { bindUdp, portTaken } from '../server/udp-handle.ts';

/**
 * Binds a port for TCP that further sockets of this user may share, e.g. those of a process that
 * takes over. Connections wait until somebody accepts them.
 *
 * @throws DcError `LISTEN_FAILED`
 */
export async function bindTcp(
  address: IPortAddress,
  guard: DescriptorGuard | undefined,
): Promise<IBoundPort> {
  const handle = openTcp(address, true);
  if (typeof handle === 'number') throw await failure(address, handle);
  const ports = new HandedPorts(null, guard);
  ports.offer(portKey(address), handle);
  return ports.bind(address);
}

/** A port of the process that this one takes over from; nothing is taken from it before `accept`. */
export function adoptTcp(
  address: IPortAddress,
  handles: readonly ITcpHandle[],
  guard: DescriptorGuard | undefined,
): Promise<IBoundPort> {
  const ports = new HandedPorts(null, guard, { listensLate: true });
  for (const handle of handles) ports.offer(portKey(address), handle);
  return ports.bind(address);
}

/**
 * Makes sure that nobody else has the port: a socket that shares it would be given a part of the
 * clients only, silently.
 *
 * @throws DcError `LISTEN_FAILED`
 */
export async function checkFree(address: IPortAddress, hasUdp: boolean): Promise<void> {
  if (address.port === 0) return;
  const tcp = openTcp(address, false);
  if (typeof tcp === 'number') throw await failure(address, tcp);
  tcp.close();
  if (hasUdp) await checkFreeUdp(address);
}

/** The same for UDP alone. */
export async function checkFreeUdp(address: IPortAddress): Promise<void> {
  const udp = bindUdp(address, false);
  if (typeof udp === 'number') throw await failure(address, udp);
  udp.handle.close();
}

function openTcp({ host, port }: IPortAddress, reusePort: boolean): ITcpHandle | number {
  let status = 0;
  for (const ip of host === undefined ? ['::', '0.0.0.0'] : [host]) {
    const handle = newTcpServer();
    const flags = reusePort ? reusePortFlag : 0;
    status = isIP(ip) === 6 ? handle.bind6(ip, port, flags) : handle.bind(ip, port, flags);
    // libuv tells only later that a port is taken.
    if (status === 0) status = handle.getsockname({});
    if (status === 0) return handle;
    handle.close();
    // Only a machine without IPv6 has to do with IPv4.
    if (status === portTaken) break;
  }
  return status;
}

async function failure(address: IPortAddress, status: number): Promise<DcError> {
  const cause = systemError(status, 'bind');
  return new DcError('LISTEN_FAILED', await listenFailure(address, cause.code), { cause });
}
