import type { IAccessRules, IProxyProtocol } from './access.ts';
import type { TOrigin } from './certificate.ts';
import type { IBandwidth, IConnectionRate } from './limit.ts';
import type { Backend, BalancingStrategy, IHealthOptions, TBackendInput } from './route.ts';
import type { IEntrypointTls } from './web.ts';

/** Ports from one to another, both included; a single port, or a text such as `'6000-6010'`. */
export type TPortRange =
  | number
  | string
  | {
      /** The first port. */
      from: number;
      /** The last port. */
      to: number;
    };

/** Where to connect to. */
export interface ITcpAddress {
  /** IP address or name, as of a backend. */
  host: string;
  /** 1 to 65535. @default the port that the client came to */
  port?: number;
}

/**
 * One place to connect to: a port on 127.0.0.1, `'host:port'`, `'[2001:db8::1]:443'`, or `'host'` for
 * the port that the client came to.
 */
export type TTcpTarget = number | string | ITcpAddress;

/**
 * Where connections go: one place, several that are balanced, or a mapping by the port that the
 * client came to, whose keys are ports and ranges (`{ '5432': 'db-1:5432', '6000-6010': 'games' }`).
 */
export type TToPort = TTcpTarget | TTcpTarget[] | Record<string, TTcpTarget | TTcpTarget[]>;

/** Times in milliseconds; 0 switches one off. */
export interface ITcpTimeouts {
  /**
   * Until the first bytes say what the connection is (TLS, its server name, HTTP, …); then it is
   * closed. @default 5000
   */
  peekMs?: number;
  /**
   * A client that has sent nothing for so long waits for the server to speak first: it is taken for
   * `protocol: 'silent'`. Counts only where a domain config has that protocol. @default 300
   */
  silentMs?: number;
  /** Connect to a backend; then the next one. @default 5000 */
  connectMs?: number;
  /** Nothing moves either way. @default 3600000 */
  idleMs?: number;
  /** The whole connection. @default 0: no limit */
  totalMs?: number;
  /** One side has sent FIN and the other one sends nothing any more. @default 300000 */
  halfCloseMs?: number;
  /** TLS handshake where TLS is terminated. @default 10000 */
  handshakeMs?: number;
}

/** What is done with connections. */
export interface ITcpAction {
  /** Where they go, in short. Exactly one of `toPort`, `backends` and `useNetworkProxy`. */
  toPort?: TToPort;
  /** Where they go, with all that a backend can be told. */
  backends?: Backend[];
  /**
   * Hands them to the web plane, on this port: TLS is terminated there, and routes take the requests.
   * @default false
   */
  useNetworkProxy?: boolean;
  /**
   * `passthrough` forwards TLS as it is; `terminate` decrypts it with the certificate of the asked
   * name and forwards what is inside. An object is `terminate` with settings. @default 'passthrough'
   */
  tls?: 'passthrough' | 'terminate' | IEntrypointTls;
  /** How the backend of a connection is chosen. @default 'ROUND_ROBIN' */
  strategy?: BalancingStrategy;
  /**
   * Health of the backends. Backends at the port that the client came to are not judged by failures:
   * one closed port says nothing about the others.
   */
  health?: IHealthOptions;
  /** Further backends that are tried when a connection cannot be made. @default 2 */
  retries?: number;
  /** Sends a PROXY protocol header to the backend. @default absent: none */
  sendProxyProtocol?: 'v1' | 'v2';
  /** Who may come. */
  access?: IAccessRules;
  /** Open connections; the next ones are closed. @default 0: no limit */
  connectionsMax?: number;
  /** Open connections of one client address (IPv6: of one /64). @default 0: no limit */
  connectionsPerClientMax?: number;
  /** New connections of one client address (IPv6: of one /64). @default absent: no limit */
  connectionRate?: IConnectionRate;
  /** Speed of each connection. @default absent: no limit */
  bandwidth?: IBandwidth;
  /** What a domain config leaves out of them comes from its entry. */
  timeouts?: ITcpTimeouts;
}

/** Connections of a port that are treated alike, by their TLS server name or their first bytes. */
export interface IDomainConfig extends ITcpAction {
  /** Unique within the entry. @default its first domain, or its protocol */
  id?: string;
  /**
   * TLS server names, read from the ClientHello without decrypting: `a.example.com`, `*.example.com`
   * (any depth below), `*` (any name). The most specific wins. With ECH it is the outer name.
   */
  domains?: string[];
  /** TLS clients that offer one of these by ALPN only, e.g. `acme-tls/1`. @default any */
  alpn?: string[];
  /**
   * What the first bytes are: `tls`, `http` (a request line), `ssh`, `silent` (the client waits for the
   * server to speak), `other` (none of these). @default 'tls' with domains, else every one
   */
  protocol?: 'tls' | 'http' | 'ssh' | 'silent' | 'other';
  /** Only connections that came to these ports. @default every port of the entry */
  portRanges?: TPortRange[];
}

/** UDP of an entry. */
export interface IUdpOptions {
  /** Clients that are served at once; the datagrams of further ones are dropped. @default 10000 */
  sessionsMax?: number;
  /** Sessions of one client address. @default 0: no limit */
  sessionsPerClientMax?: number;
  /** Milliseconds without a datagram either way until a session is over. @default 60000 */
  idleMs?: number;
}

/** Ports that are forwarded: the TCP and UDP plane's unit of configuration. */
export interface IPortProxySettings extends ITcpAction {
  /** Unique name. @default 'tcp-5432', by its protocol and first port */
  id: string;
  /** `udp` knows ports, targets, access and `udp`; not what needs a stream. @default 'tcp' */
  protocol?: 'tcp' | 'udp';
  /** IP address to bind. @default every address, IPv4 and IPv6 */
  address?: string;
  /** Port that it listens on; 0 takes a free one. It or `globalPortRanges` must be there. */
  fromPort?: number;
  /** Further ports that it listens on. */
  globalPortRanges?: TPortRange[];
  /** Treats some connections in their own way; what none takes is treated by the entry's own action. */
  domainConfigs?: IDomainConfig[];
  /**
   * TLS clients that no domain config takes: `default` treats them by the entry's action, `reset` breaks
   * them off. @default 'default' where the entry has an action, else 'reset'
   */
  unknownName?: 'default' | 'reset';
  /** PROXY protocol of clients. @default absent: none is read */
  proxyProtocol?: IProxyProtocol;
  /**
   * TCP keep-alive probes on both sides after this many milliseconds without traffic; 0: none.
   * @default 60000
   */
  keepAliveMs?: number;
  /** Sends small pieces at once (TCP_NODELAY). @default true */
  noDelay?: boolean;
  /** UDP sessions. */
  udp?: IUdpOptions;
  /**
   * `kernel` forwards by nftables rules, which see no names, balance at random and need the right to
   * change them (CAP_NET_ADMIN). @default 'user'
   */
  forwarding?: 'user' | 'kernel';
  /** Forwards in this process where the kernel's way is not to be had; false: it is a problem. @default true */
  kernelFallback?: boolean;
  /** false: its ports are not opened. @default true */
  enabled?: boolean;
}

/** Backend of an entry as accepted. */
export type TTcpBackendInput = Omit<TBackendInput, 'id' | 'port' | 'sendProxyProtocol'> & {
  /** Unique within its list. @default backend-1, backend-2, … by its place */
  id?: string;
  /** 1 to 65535; 0: the port that the client came to. @default 0 */
  port?: number;
  /** Sends a PROXY protocol header with the client's address. @default as its action says */
  sendProxyProtocol?: 'v1' | 'v2';
};

/** Domain config as accepted: what has a default may be missing. */
export type TDomainConfigInput = Omit<IDomainConfig, 'backends'> & {
  backends?: TTcpBackendInput[];
};

/** Entry as accepted from a file or over the API. */
export type TPortProxyInput = Partial<Omit<IPortProxySettings, 'backends' | 'domainConfigs'>> & {
  backends?: TTcpBackendInput[];
  domainConfigs?: TDomainConfigInput[];
};

/** Numbers of an entry. */
export interface ITcpStats {
  /** Connections (UDP: sessions) that are open now. */
  open: number;
  /** Since the start. */
  total: number;
  /** Closed because of a limit or an access rule, since the start. */
  refused: number;
  /** Broken off: no backend, an unknown name, a timeout, an error; since the start. */
  failed: number;
  bytesIn: number;
  bytesOut: number;
}

/** A backend of an entry as it is doing. */
export interface ITcpEndpointInfo {
  /** Id of the domain config that it belongs to; null: the entry itself. */
  domainConfig: string | null;
  id: string;
  address: string;
  isDead: boolean;
  failureCount: number;
  active: number;
  connections: number;
}

/** An entry as it is doing. */
export interface ITcpLive {
  /** Ports that are open; empty when they are not. */
  listening: { address: string; port: number }[];
  /** How it is forwarded now; the reason when it is not as asked. */
  forwardedBy: 'user' | 'kernel' | 'none';
  reason?: string;
  stats: ITcpStats;
  /** Its backends (`health` is what was configured about theirs). */
  endpoints: ITcpEndpointInfo[];
}

/** Answer of `GET /api/v1/tcp/:id`: the entry with its numbers. */
export interface ITcpEntryInfo extends IPortProxySettings, ITcpLive {
  origin: TOrigin;
}
