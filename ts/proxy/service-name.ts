import type { Backend } from '../../ts_interfaces/index.ts';
import { serviceDomain } from '../config/host-name.ts';

/** Whether SRV records say where a backend is, port included. */
export function isService({ hostname, port, socketPath }: Backend): boolean {
  return port === 0 && socketPath === undefined && serviceDomain(hostname) !== undefined;
}

/**
 * What is looked up for a backend: a name that stands for SRV records elsewhere, and comes with a
 * port here, ends in a dot.
 */
export function lookedUpName(backend: Backend): string {
  const { hostname } = backend;
  const isPlain = serviceDomain(hostname) === undefined || isService(backend);
  return isPlain ? hostname : `${hostname}.`;
}

/**
 * The name of a backend that certificates and Host headers know: of a service its domain, since SRV
 * records, which anybody may have forged, must not choose whom we trust (RFC 6125 §6.2.1).
 */
export function knownName(backend: Backend): string {
  const { hostname } = backend;
  return isService(backend) ? (serviceDomain(hostname) ?? hostname) : hostname;
}
