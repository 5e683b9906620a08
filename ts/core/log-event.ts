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
  | 'process.signal'
  | 'process.warning'
  // The log and the access log
  | 'log.failed'
  | 'log.recovered'
  | 'log.reopened'
  | 'accessLog.failed'
  | 'accessLog.recovered'
  | 'accessLog.reopened'
  | 'event.listenerFailed'
  // Configuration
  | 'config.loaded'
  | 'config.applied'
  | 'config.refused'
  | 'config.warning'
  // The store
  | 'store.opened'
  | 'store.migrated'
  | 'store.failed'
  | 'store.closed'
  // Entrypoints and connections
  | 'listener.opened'
  | 'listener.closed'
  | 'listener.failed'
  | 'listener.full'
  | 'connection.refused'
  | 'connection.failed'
  | 'tls.handshakeFailed'
  | 'tls.noCertificate'
  | 'drain.started'
  | 'drain.deadline'
  // Requests
  | 'request.refused'
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
