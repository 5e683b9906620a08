import { isIP } from 'node:net';
import type { ISocketName } from '../../net/handles.ts';
import type { IPortAddress } from '../../net/ports.ts';

/** Who sent a datagram. */
export interface IDatagramSource {
  readonly address: string;
  readonly port: number;
}

/** A pending send; libuv reads the bytes until it is done. */
export type TSendRequest = object;

/** A UDP socket as libuv has it. */
export interface IUdpHandle {
  /** Called for each datagram; `count` below 0: libuv's status of a receive that failed. */
  onmessage: (count: number, handle: IUdpHandle, bytes: Buffer, source: IDatagramSource) => void;
  bind(ip: string, port: number, flags: number): number;
  bind6(ip: string, port: number, flags: number): number;
  recvStart(): number;
  recvStop(): number;
  /** @returns below 0: failed; 0: libuv sends it later, and keeps the bytes; above: it has left. */
  send(
    request: TSendRequest,
    parts: readonly Buffer[],
    count: number,
    port: number,
    ip: string,
    hasCallback: boolean,
  ): number;
  send6: IUdpHandle['send'];
  getsockname(name: ISocketName): number;
  /** Sets the size of a buffer of the kernel; it gives what it can. */
  bufferSize(bytes: number, isReceive: boolean, context: object): number | undefined;
  close(): void;
  ref(): void;
  unref(): void;
}

interface IUdpBinding {
  readonly UDP: new () => IUdpHandle;
  readonly SendWrap: new () => TSendRequest;
  readonly constants: { readonly UV_UDP_REUSEPORT: number };
}

/**
 * The part that `node:dgram` is made of. It is no public interface, but every Node from 24 on has
 * it, and it answers a query at well below the cost of an event and a callback for each datagram.
 */
function openBinding(): IUdpBinding {
  const { binding } = process as unknown as { binding?: (name: string) => unknown };
  const found = binding?.call(process, 'udp_wrap') as Partial<IUdpBinding> | undefined;
  const { UDP, SendWrap, constants } = found ?? {};
  if (UDP === undefined || SendWrap === undefined || constants?.UV_UDP_REUSEPORT === undefined) {
    throw new Error(`Node ${process.version} has no udp_wrap: run it with Node 24`);
  }
  return { UDP, SendWrap, constants };
}

const udp = openBinding();

/** A request of one send; it can be used again when the datagram left at once. */
export const SendRequest = udp.SendWrap;

/**
 * Binds a socket; whoever calls it closes it.
 *
 * @param address its host is an IP address; undefined: all, IPv4 and IPv6.
 * @param reusePort several sockets that say so share the port, and the kernel shares out clients.
 * @returns libuv's status when it cannot be bound.
 */
export function bindUdp(
  { host, port }: IPortAddress,
  reusePort: boolean,
): { readonly handle: IUdpHandle; readonly isIpv6: boolean } | number {
  const flags = reusePort ? udp.constants.UV_UDP_REUSEPORT : 0;
  let status = 0;
  for (const ip of host === undefined ? ['::', '0.0.0.0'] : [host]) {
    const isIpv6 = isIP(ip) === 6;
    const handle = new udp.UDP();
    status = isIpv6 ? handle.bind6(ip, port, flags) : handle.bind(ip, port, flags);
    if (status === 0) return { handle, isIpv6 };
    handle.close();
    // Only a machine without IPv6 has to do with IPv4.
    if (status === portTaken) break;
  }
  return status;
}

/** libuv's status, which is the kernel's. */
export const portTaken = -98;
