import dgram from 'node:dgram';
import net from 'node:net';
import os from 'node:os';
import tls from 'node:tls';
import { canonicalIp } from '../../net/ip.ts';
import { HttpsClient, identity } from './https-client.ts';
import type { TRandom } from './random.ts';
import { secureRandom } from './random.ts';
import type {
  IDatagramChannel,
  IDatagramEvents,
  IPostRequest,
  IServer,
  IStreamChannel,
  IStreamEvents,
  ITransport,
} from './transport.ts';

/** How the network is used. */
export interface INodeTransportOptions {
  /** Certificates, as PEM, that those of `tls` and `https` servers are checked with. @default the system's */
  readonly ca?: string;
  /** @default secureRandom */
  readonly random?: TRandom;
}

/** Below are ports that services have, among them ours. */
const portMin = 10_240;
const portMax = 65_535;
/** Ports that are tried until the kernel may choose. */
const portAttemptsMax = 8;

/** The network of this machine. */
export class NodeTransport implements ITransport {
  private readonly ca: string | undefined;
  private readonly random: TRandom;
  private readonly https: HttpsClient;

  constructor(options: INodeTransportOptions = {}) {
    this.ca = options.ca;
    this.https = new HttpsClient(options.ca);
    this.random = options.random ?? secureRandom;
  }

  openDatagram(server: IServer, events: IDatagramEvents): IDatagramChannel {
    return new DatagramChannel(server, events, this.random);
  }

  openStream(server: IServer, events: IStreamEvents): IStreamChannel {
    const { address: host, port, protocol, serverName = host } = server;
    const { ca } = this;
    const socket =
      protocol === 'tls'
        ? tls.connect({ host, port, ca, ALPNProtocols: ['dot'], ...identity(serverName) })
        : net.connect({ host, port });
    let failure: Error | null = null;
    let isClosed = false;
    socket.setNoDelay(true);
    socket.once(protocol === 'tls' ? 'secureConnect' : 'connect', () => events.opened());
    socket.on('data', (bytes) => {
      if (!isClosed) events.data(bytes);
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      if (!isClosed) events.closed(failure);
    });
    return {
      write: (bytes) => {
        socket.write(bytes);
      },
      close: () => {
        isClosed = true;
        socket.destroy();
      },
    };
  }

  post(server: IServer, body: Buffer): IPostRequest {
    return this.https.post(server, body);
  }

  close(): void {
    this.https.close();
  }
}

/** Whether this machine has an IPv6 address that reaches the Internet: then servers may have one. */
export function hasPublicIpv6(): boolean {
  return Object.values(os.networkInterfaces()).some((addresses) =>
    addresses?.some(({ family, address }) => family === 'IPv6' && /^[23]/.test(address)),
  );
}

/** A socket that is bound to a random port and connected, so that the kernel drops what others send. */
class DatagramChannel implements IDatagramChannel {
  private readonly server: IServer;
  private readonly events: IDatagramEvents;
  private readonly random: TRandom;
  private socket: dgram.Socket;
  private isReady = false;
  private isClosed = false;
  private waiting: Buffer[] = [];

  constructor(server: IServer, events: IDatagramEvents, random: TRandom) {
    this.server = server;
    this.events = events;
    this.random = random;
    this.socket = this.open(portAttemptsMax);
  }

  send(bytes: Buffer): void {
    if (!this.isReady) this.waiting.push(bytes);
    else if (!this.isClosed) this.socket.send(bytes);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.socket.close();
  }

  private open(attemptsLeft: number): dgram.Socket {
    const { address, port } = this.server;
    const socket = dgram.createSocket({ type: net.isIPv6(address) ? 'udp6' : 'udp4' });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.isClosed) return;
      socket.close();
      if (error.code === 'EADDRINUSE' && attemptsLeft > 0) {
        this.socket = this.open(attemptsLeft - 1);
        return;
      }
      this.isClosed = true;
      this.events.failed(error);
    });
    socket.on('message', (bytes, from) => {
      if (!this.isClosed) {
        this.events.message(bytes, canonicalIp(from.address) ?? from.address, from.port);
      }
    });
    const wanted = attemptsLeft === 0 ? 0 : portMin + this.random(portMax - portMin + 1);
    socket.bind({ port: wanted, exclusive: true }, () => {
      if (!this.isClosed) socket.connect(port, address);
    });
    socket.once('connect', () => {
      if (this.isClosed) return;
      this.isReady = true;
      for (const bytes of this.waiting.splice(0)) socket.send(bytes);
    });
    return socket;
  }
}
