/** Who a connection is from and where it came to. */
export interface IClientAddress {
  /** Of the client: as a PROXY header says, else the peer's. */
  readonly clientIp: string;
  readonly clientPort: number;
  /** Where the client connected to: as a PROXY header says, else our own; '' when nobody asked. */
  readonly localIp: string;
  readonly localPort: number;
  /** Of the socket's other end, which may be a proxy in front of us. */
  readonly peerIp: string;
}
