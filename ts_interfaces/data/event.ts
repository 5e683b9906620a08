/** What happened, by name. Events announce; nothing waits for a listener. */
export interface IEventMap {
  'request.completed': {
    id: string;
    routeId: string | null;
    backendId: string | null;
    vHost: string;
    method: string;
    uri: string;
    status: number;
    clientIp: string;
    durationMs: number;
    bytesIn: number;
    bytesOut: number;
    retries: number;
  };
  'backend.dead': { routeId: string; backendId: string; reason: string; maintenance: boolean };
  'backend.alive': { routeId: string; backendId: string };
  'route.added': { routeId: string; vHost: string };
  'route.changed': { routeId: string; vHost: string };
  'route.removed': { routeId: string; vHost: string };
  'certificate.added': { domain: string };
  'certificate.removed': { domain: string };
  'connection.open': { id: number; entrypoint: string; clientIp: string };
  'connection.close': {
    id: number;
    entrypoint: string;
    clientIp: string;
    durationMs: number;
    bytesIn: number;
    bytesOut: number;
  };
  'tcp.added': { entryId: string };
  'tcp.changed': { entryId: string };
  'tcp.removed': { entryId: string };
  'listener.paused': { reason: string };
  'listener.resumed': { reason: string };
  'worker.started': { worker: number; pid: number };
  'worker.exited': { worker: number; pid: number; reason: string; restartInMs: number };
  'zone.added': { zone: string };
  'zone.changed': { zone: string; serial: number };
  'zone.removed': { zone: string };
  'zone.transferred': { zone: string; serial: number; primary: string };
  'zone.expired': { zone: string };
  'dns.updated': {
    zone: string;
    serial: number;
    recordSets: number;
    clientIp: string;
    keyName: string | null;
  };
  /** With DNS threads (`workers`) only queries that the main thread answers. */
  'dns.query': {
    /** Absolute, with a trailing dot, in the case of the question. */
    name: string;
    type: string;
    rcode: string;
    clientIp: string;
    transport: 'udp' | 'tcp' | 'tls' | 'https';
    /** null for a client in no view. */
    view: string | null;
  };
  'config.applied': { changes: number };
  'config.refused': { problems: number };
  'router.started': { entrypoints: Record<string, number> };
  'router.stopped': { drained: boolean };
}

/** Name of an event. */
export type TEventName = keyof IEventMap;
