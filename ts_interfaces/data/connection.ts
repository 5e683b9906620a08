/** A live connection of a client. */
export interface IConnectionInfo {
  /** Unique while it is open; names it for `DELETE /api/v1/connections/:id`. */
  id: string;
  protocol: 'http' | 'https' | 'websocket' | 'tunnel' | 'tcp' | 'tls' | 'udp';
  /** Address and port; IPv6 in brackets. */
  client: string;
  /** Name of the web entrypoint, or id of the TCP entry. */
  entrypoint: string;
  /** Port that the client came to. */
  port: number;
  /** Route that its current request has; id of the domain config; null: none. */
  route: string | null;
  /** Address of the backend; null: none at the moment. */
  backend: string | null;
  /** Name that the client asked for by SNI; null: none. */
  serverName: string | null;
  /** ISO 8601. */
  openedAt: string;
  ageSeconds: number;
  /** Seconds since something moved. */
  idleSeconds: number;
  bytesIn: number;
  bytesOut: number;
  /** Process that serves it; null without workers. */
  worker: number | null;
}
