import { type ClientRequest, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Backend, IBackendTls, IHealthOptions } from '../../ts_interfaces/index.ts';
import type { IClock } from '../core/clock.ts';
import { buildProxyHeader } from '../net/proxy-protocol.ts';

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

/** Probes over the network: a TCP connect, or a GET (by TLS where the backend has it). */
export function networkProbe(clock: IClock): IProbe {
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
        attempt =
          health?.probe === 'http' ? probeHttp(backend, health, finish) : probeTcp(backend, finish);
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

function probeTcp(backend: Backend, finish: TFinish): { destroy(): unknown } {
  const socket = connectTo(backend);
  socket.on('connect', () => finish(null));
  socket.on('error', (error) => finish(reasonOf(error)));
  return socket;
}

function probeHttp(backend: Backend, health: IHealthOptions, finish: TFinish): ClientRequest {
  const { hostname, port, socketPath, tls } = backend;
  const options = {
    ...(socketPath === undefined ? { host: hostname, port } : { socketPath }),
    path: health.path ?? '/',
    agent: false as const,
    headers: {
      host: health.host ?? hostHeaderOf(backend),
      'user-agent': 'dcrouter-health',
      connection: 'close',
    },
  };
  const secure = tls === undefined ? undefined : tlsOptions(tls, hostname);
  const isTold = backend.sendProxyProtocol !== undefined;
  // Node asks only where there is no agent, not even the one that `false` makes.
  const make = { agent: undefined, createConnection: () => connectAsOurs(backend, secure) };
  const told = isTold ? make : {};
  const request =
    secure === undefined
      ? requestByHttp({ ...options, ...told })
      : requestByHttps({ ...options, ...secure, ...told });
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

/** A connection that begins with a PROXY header, which says that nobody else is behind it. */
function connectAsOurs(backend: Backend, secure: ConnectionOptions | undefined): Socket {
  const socket = connectTo(backend);
  const nobody = { sourceIp: '', sourcePort: 0, destinationIp: '', destinationPort: 0 };
  const version = backend.sendProxyProtocol === 'v1' ? 1 : 2;
  socket.write(buildProxyHeader(version, { ...nobody, command: 'local' }));
  return secure === undefined ? socket : connectTls({ ...secure, socket });
}

function hostHeaderOf({ hostname, port }: Backend): string {
  return isIP(hostname) === 6 ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function tlsOptions(tls: IBackendTls, hostname: string) {
  return {
    rejectUnauthorized: tls.verify !== false,
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    // SNI has names only (RFC 6066 §3); empty keeps Node from taking the Host header for it.
    servername: tls.serverName ?? (isIP(hostname) === 0 ? hostname : ''),
  };
}

function reasonOf(error: Error & { code?: string }): string {
  return error.code ?? error.message;
}
