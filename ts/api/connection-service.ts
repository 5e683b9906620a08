import type { IConnectionInfo } from '../../ts_interfaces/index.ts';
import { DcError } from '../core/errors.ts';
import { CidrSet, isCidr } from '../net/cidr.ts';
import { ApiError } from './api-error.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import type { ControlState } from './state.ts';

/** Which connections to list. */
export interface IConnectionQuery extends IPageQuery {
  protocol?: IConnectionInfo['protocol'];
  /** Address of the client, or a CIDR. */
  client?: string;
  /** Name of the entrypoint, or id of the TCP entry. */
  entrypoint?: string;
  /** Address of the backend, with its port. */
  backend?: string;
}

/** The live connections of clients, in all processes. */
export class ConnectionService {
  private readonly state: ControlState;

  constructor(state: ControlState) {
    this.state = state;
  }

  /**
   * A page of the connections, the oldest first.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor, or a `client` that is no address.
   */
  async list(query: IConnectionQuery = {}): Promise<IPage<IConnectionInfo>> {
    const { limit = pageLimitDefault, cursor } = query;
    const after = nameOfCursor(cursor);
    const accepts = filterOf(query);
    const byPlace = new Map<string, IConnectionInfo>();
    for (const connection of await this.state.connections.list()) {
      if (accepts(connection)) byPlace.set(`${connection.openedAt} ${connection.id}`, connection);
    }
    const page = pageOf([...byPlace.keys()].sort(), after, limit);
    return {
      items: page.ids.flatMap((place) => byPlace.get(place) ?? []),
      total: byPlace.size,
      nextCursor: cursorAfter(page.next),
    };
  }

  /** @throws DcError `CONNECTION_UNKNOWN` */
  async get(id: string): Promise<IConnectionInfo> {
    const connections = await this.state.connections.list();
    const found = connections.find((connection) => connection.id === id);
    if (found === undefined) throw unknown(id);
    return found;
  }

  /** Breaks a connection off, whatever runs over it. @throws DcError `CONNECTION_UNKNOWN` */
  async close(id: string): Promise<void> {
    if (!(await this.state.connections.close(id))) throw unknown(id);
    this.state.logger.info('connection.closed', `The connection "${id}" was closed by hand`, {
      id,
    });
  }
}

function filterOf(query: IConnectionQuery): (connection: IConnectionInfo) => boolean {
  const { protocol, client, entrypoint, backend } = query;
  const clients = client === undefined ? undefined : addressesOf(client);
  return (connection) =>
    (protocol === undefined || connection.protocol === protocol) &&
    (entrypoint === undefined || connection.entrypoint === entrypoint) &&
    (backend === undefined || connection.backend === backend) &&
    (clients === undefined || clients.contains(hostOf(connection.client)));
}

function addressesOf(client: string): CidrSet {
  if (isCidr(client)) return new CidrSet([client]);
  const message = 'Must be an address, or a range like 10.0.0.0/8';
  throw new ApiError('REQUEST_INVALID', `client: ${message}`, {
    problems: [{ path: 'client', message, value: client }],
  });
}

/** `192.0.2.1:4711`, `[2001:db8::1]:4711` */
function hostOf(client: string): string {
  return client.slice(0, client.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

function unknown(id: string): DcError {
  return new DcError('CONNECTION_UNKNOWN', `There is no connection "${id}"`);
}
