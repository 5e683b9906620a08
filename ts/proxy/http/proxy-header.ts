import { proxyHeaderFor } from '../tcp/proxy-out.ts';
import type { ClientConnection } from './client-connection.ts';

/**
 * The PROXY protocol header that says for whom a connection to a backend is.
 *
 * @param clientIp of the request's client, who may be behind a trusted proxy.
 */
export function proxyHeaderOf(
  { client, wire }: ClientConnection,
  clientIp: string,
  version: 1 | 2,
): Buffer {
  const { serverName } = wire;
  // Nobody has asked for it until now, unless a PROXY header came.
  const local =
    client.localIp === '' ? wire.local() : { ip: client.localIp, port: client.localPort };
  // Trusted proxies name the client's address, but not its port.
  const clientPort = clientIp === client.clientIp ? client.clientPort : 0;
  const { ip: localIp, port: localPort } = local;
  const whole = { ...client, clientIp, clientPort, localIp, localPort };
  return proxyHeaderFor(version, whole, serverName === '' ? null : serverName, null);
}
