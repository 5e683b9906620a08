import type { IConnectionInfo } from '../../../ts_interfaces/index.ts';
import { spellPlace } from '../../net/ip.ts';
import { endpointText } from '../endpoint.ts';
import { type ILiveConnection, secondsOf } from '../live-connection.ts';
import { type ClientConnection, phase } from './client-connection.ts';
import type { ExchangeState } from './exchange-state.ts';

/** A connection of a web client, as it is listed. */
export class LiveWebConnection implements ILiveConnection {
  private readonly connection: ClientConnection;

  constructor(connection: ClientConnection) {
    this.connection = connection;
  }

  get id(): string {
    return String(this.connection.id);
  }

  describe(now: number): IConnectionInfo {
    const { id, connection } = this;
    const { client, plan, wire, openedAt, current, lastMoved } = connection;
    const endpoint = current?.endpoint ?? null;
    return {
      id,
      protocol: protocolOf(connection, current),
      client: spellPlace(client.clientIp, client.clientPort),
      entrypoint: plan.name,
      port: client.localPort,
      route: current?.route?.id ?? null,
      backend: endpoint === null ? null : endpointText(endpoint, 0),
      serverName: wire.serverName === '' ? null : wire.serverName,
      // Always the same text for one connection, whenever it is asked.
      openedAt: new Date(Math.round(performance.timeOrigin + openedAt)).toISOString(),
      ageSeconds: secondsOf(now - openedAt),
      idleSeconds: secondsOf(now - lastMoved),
      bytesIn: wire.bytesRead,
      bytesOut: wire.bytesWritten,
      worker: null,
    };
  }

  close(): void {
    this.connection.abort();
  }
}

function protocolOf(
  connection: ClientConnection,
  current: ExchangeState | null,
): IConnectionInfo['protocol'] {
  if (connection.phase !== phase.tunnel) return connection.protocol;
  return current?.isWebSocket === true ? 'websocket' : 'tunnel';
}
