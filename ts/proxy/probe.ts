import { type ClientRequest, request as requestByHttp } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Backend, IBackendTls, IHealthOptions } from '../../ts_interfaces/index.ts';
import type { IClock } from '../core/clock.ts';
import { Dialer } from '../net/dialer.ts';
import { socketOf } from '../net/plain-wire.ts';
import { buildProxyHeader } from '../net/proxy-protocol.ts';
import { BackendNames } from './backend-names.ts';
import { isService, knownName, lookedUpName } from './service-name.ts';

/** Milliseconds until a probe counts as failed, where the options say nothing. */
const PROBE_TIMEOUT_MS = 5000;

const STATUS_RANGE: readonly [number, number] = [200, 399];

/** Asks whether a backend can be reached. */
export interface IProbe {
  /**
   * Starts one probe. Calls `done` once, never before it returns: with null when the backend is
   * well, else with the reason. Ends by itself within `probeTimeoutMs`.
   *
   * @returns gives the probe up; `done` is then not called.
   */
  check(
    backend: Backend,
    health: IHealthOptions | undefined,
    done: (failure: string | null) => void,
  ): () => void;
}

/**
 * Probes over the network: a TCP connect, or a GET (by TLS where the backend has it). A backend by
 * name is well when one of its addresses is.
 */
export function networkProbe(clock: IClock, names = new BackendNames({ clock })): IProbe {
  return {
    check: (backend, health, done) => {
      let isOver = false;
      const finish = (failure: string | null) => {
        if (isOver) return;
        isOver = true;
        timer.cancel();
        // An error that comes after this is of the connection that is being thrown away.
        attempt?.destroy();
        if (failure !== CANCELLED) done(failure);
      };
      const timeoutMs = health?.probeTimeoutMs ?? PROBE_TIMEOUT_MS;
      let timer = clock.setTimeout(() => finish('timeout'), timeoutMs);
      let attempt: { destroy(): unknown } | undefined;
      try {
        attempt = isNamed(backend)
          ? probeByName(names, backend, health, finish)
          : probeAt(connectTo(backend), backend, health, finish);
      } catch (error) {
        // Settings that Node refuses at once, e.g. an authority that is no certificate.
        timer.cancel();
        timer = clock.setTimeout(() => finish(reasonOf(error as Error)), 0);
      }
      return () => finish(CANCELLED);
    },
  };
}

/** Internal outcome of a probe that was given up. */
const CANCELLED = 'cancelled';

type TFinish = (failure: string | null) => void;

function connectTo({ hostname, port, socketPath }: Backend): Socket {
  return connect(socketPath === undefined ? { host: hostname, port } : { path: socketPath });
}

function isNamed({ hostname, socketPath }: Backend): boolean {
  return socketPath === undefined && isIP(hostname) === 0;
}

/** Connects to an address of the name, and goes on with that connection. */
function probeByName(
  names: BackendNames,
  backend: Backend,
  health: IHealthOptions | undefined,
  finish: TFinish,
): { destroy(): unknown } {
  let socket: Socket | undefined;
  const dialer = new Dialer(names.dial(lookedUpName(backend), backend.port), (error, handle) => {
    if (handle === null) return finish(reasonOf(error ?? new Error('closed')));
    socket = socketOf(handle, null).resume();
    if (health?.probe !== 'http') return finish(null);
    try {
      probeAt(socket, backend, health, finish);
    } catch (refused) {
      finish(reasonOf(refused as Error));
    }
  });
  // What is known of a name may say at once that there is no address.
  queueMicrotask(() => dialer.start());
  return {
    destroy: () => {
      dialer.cancel();
      socket?.destroy();
    },
  };
}

function probeAt(
  socket: Socket,
  backend: Backend,
  health: IHealthOptions | undefined,
  finish: TFinish,
): { destroy(): unknown } {
  socket.on('error', (error) => finish(reasonOf(error)));
  if (health?.probe === 'http') {
    try {
      return probeHttp(socket, backend, health, finish);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
  socket.on('connect', () => finish(null));
  return socket;
}

/** @param socket the connection, or one that is under way. */
function probeHttp(
  socket: Socket,
  backend: Backend,
  health: IHealthOptions,
  finish: TFinish,
): ClientRequest {
  const { tls } = backend;
  if (backend.sendProxyProtocol !== undefined) socket.write(ownHeader(backend.sendProxyProtocol));
  const options = {
    path: health.path ?? '/',
    headers: {
      host: health.host ?? hostHeaderOf(backend),
      'user-agent': 'dcrouter-health',
      connection: 'close',
    },
  };
  const secure = tls === undefined ? undefined : tlsOptions(tls, knownName(backend));
  // Node asks only where there is no agent, not even the one that `false` makes.
  const createConnection = () =>
    secure === undefined ? socket : connectTls({ ...secure, socket });
  const request = requestByHttp({ ...options, createConnection });
  request.on('response', (response) => {
    const status = response.statusCode ?? 0;
    const [lowest, highest] = health.statusRange ?? STATUS_RANGE;
    // The body is not wanted: finish() destroys the connection.
    response.on('error', (error) => finish(reasonOf(error)));
    finish(status >= lowest && status <= highest ? null : `status ${status}`);
  });
  request.on('error', (error) => finish(reasonOf(error)));
  request.end();
  return request;
}

/** A PROXY header, which says that nobody else is behind it. */
function ownHeader(version: 'v1' | 'v2'): Buffer {
  const nobody = { sourceIp: '', sourcePort: 0, destinationIp: '', destinationPort: 0 };
  return buildProxyHeader(version === 'v1' ? 1 : 2, { ...nobody, command: 'local' });
}

function hostHeaderOf(backend: Backend): string {
  const { hostname, port } = backend;
  if (isService(backend)) return knownName(backend);
  return isIP(hostname) === 6 ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function tlsOptions(tls: IBackendTls, hostname: string): ConnectionOptions {
  const name = tls.serverName ?? hostname;
  return {
    rejectUnauthorized: tls.verify !== false,
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    // Checked in the certificate; as a name also sent by SNI, which knows no addresses (RFC 6066 §3).
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
  };
}

function reasonOf(error: Error & { code?: string }): string {
  return error.code ?? error.message;
}
