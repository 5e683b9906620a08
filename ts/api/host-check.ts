import { isIP } from 'node:net';

/**
 * Whether a request's Host may be answered by the management port.
 *
 * Against DNS rebinding, where a web page's own name is pointed at this machine. An address cannot
 * be rebound, and `localhost` belongs to the machine; any other name has to be in `hosts`. Tokens
 * protect the port anyway: a browser does not send one by itself.
 */
export function isOwnHost(header: string | undefined, hosts: ReadonlySet<string>): boolean {
  if (header === undefined) return false;
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]@/?#\s]+)(?::\d{1,5})?$/.exec(header);
  const host = match?.[1]?.toLowerCase().replace(/\.$/, '');
  if (host === undefined) return false;
  if (host === 'localhost' || host.endsWith('.localhost') || hosts.has(host)) return true;
  return isIP(host.startsWith('[') ? host.slice(1, -1) : host) !== 0;
}
