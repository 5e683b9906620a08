import type { ISocketName } from '../../net/handles.ts';

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

/** A socket that can be bound; whoever makes it closes it. */
export function newUdpHandle(): IUdpHandle {
  return new udp.UDP();
}

/** A request of one send; it can be used again when the datagram left at once. */
export const SendRequest = udp.SendWrap;

/** Flag of `bind` and `bind6`: several sockets share the port, and the kernel shares out clients. */
export const udpReusePortFlag = udp.constants.UV_UDP_REUSEPORT;
