import type { ClientConnection } from './client-connection.ts';
import type { ExchangeState } from './exchange-state.ts';

/** Counts, announces and logs a request that is over. Status 0: it broke off. */
export function recordExchange(exchange: ExchangeState, connection: ClientConnection): void {
  const { engine, body } = connection;
  const { route, status, startedAt, bytesOut } = exchange;
  const { now } = engine;
  const bytesIn = exchange.headBytes + body.total;
  const counter = route === null ? null : route.counter;
  if (status === 0) engine.tracker.aborted(counter, bytesIn, bytesOut, now);
  else {
    // How long a tunnel lives says nothing about speed.
    const isTunnel = status === 101 || (exchange.method === 'CONNECT' && status < 300);
    const durationMs = isTunnel ? -1 : now - startedAt;
    engine.tracker.record(counter, status, durationMs, bytesIn, bytesOut, now);
  }
  if (engine.bus.has('request.completed')) {
    engine.bus.emit('request.completed', {
      id: exchange.id,
      routeId: route?.id ?? null,
      backendId: exchange.endpoint?.id ?? null,
      vHost: exchange.authority,
      method: exchange.method,
      uri: exchange.uri,
      status,
      clientIp: exchange.clientIp,
      durationMs: now - startedAt,
      bytesIn,
      bytesOut,
      retries: exchange.retries,
    });
  }
  const { accessLog } = engine;
  if (accessLog?.sampled(status)) accessLog.write(accessLine(exchange, bytesIn, now));
}

function accessLine(exchange: ExchangeState, bytesIn: number, now: number): string {
  const { route, endpoint } = exchange;
  return JSON.stringify({
    time: new Date().toISOString(),
    id: exchange.id,
    client: exchange.clientIp,
    protocol: exchange.protocol,
    method: exchange.method,
    host: exchange.authority,
    uri: exchange.uri,
    status: exchange.status,
    durationMs: Math.round((now - exchange.startedAt) * 1000) / 1000,
    bytesIn,
    bytesOut: exchange.bytesOut,
    route: route?.id ?? null,
    backend: endpoint?.id ?? null,
    retries: exchange.retries,
    userAgent: exchange.userAgent,
    referer: exchange.referer,
  });
}
