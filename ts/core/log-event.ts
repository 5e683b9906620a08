/**
 * Every event that the log can tell of, by name: `<part>.<what happened>`.
 *
 * Programs match on these names, so one that was released is not renamed.
 */
export type TLogEvent =
  // The process
  | 'process.started'
  | 'process.stopping'
  | 'process.stopped'
  | 'process.failed'
  // The log and the access log
  | 'log.recovered'
  | 'accessLog.failed'
  | 'accessLog.recovered'
  | 'event.listenerFailed'
  // Configuration
  | 'config.applied'
  | 'config.refused'
  | 'config.warning'
  // The store
  | 'store.failed'
  // Entrypoints and connections
  | 'listener.failed'
  | 'connection.refused'
  | 'connection.closed'
  | 'tls.handshakeFailed'
  | 'tls.noCertificate'
  | 'listener.paused'
  | 'listener.resumed'
  // TCP and UDP entries, address lists and limits
  | 'tcp.added'
  | 'tcp.changed'
  | 'tcp.removed'
  | 'tcp.disabled'
  | 'tcp.failed'
  | 'udp.full'
  | 'access.changed'
  | 'access.disabled'
  | 'limit.changed'
  | 'limit.disabled'
  | 'kernel.applied'
  | 'kernel.unavailable'
  | 'kernel.failed'
  // Worker processes and hand-over
  | 'worker.started'
  | 'worker.exited'
  | 'worker.failed'
  | 'handover.started'
  | 'handover.done'
  | 'handover.failed'
  // Requests
  | 'request.failed'
  | 'hook.failed'
  | 'auth.providerDown'
  | 'auth.providerUp'
  // Routes and backends
  | 'route.added'
  | 'route.changed'
  | 'route.removed'
  | 'route.disabled'
  | 'backend.dead'
  | 'backend.alive'
  | 'backend.probeFailed'
  // Certificates
  | 'certificate.added'
  | 'certificate.changed'
  | 'certificate.removed'
  | 'certificate.disabled'
  | 'certificate.warning'
  // Management
  | 'api.opened'
  | 'api.closed'
  | 'api.failed'
  | 'api.denied'
  | 'token.created'
  | 'token.removed'
  | 'token.bootstrap';
