import { isIP } from 'node:net';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';
import { isMapping, readTarget } from './tcp-target.ts';

/** What an entry of UDP cannot have, with what it can have instead. */
const streamOnly: Readonly<Record<string, string>> = {
  domainConfigs: 'datagrams have no names',
  useNetworkProxy: 'the web plane takes TCP',
  tls: 'datagrams have no TLS',
  sendProxyProtocol: 'datagrams carry no PROXY protocol',
  proxyProtocol: 'datagrams carry no PROXY protocol',
  bandwidth: 'datagrams cannot be slowed down',
  timeouts: 'its sessions end by "udp.idleMs"',
  retries: 'UDP makes no connections',
  unknownName: 'datagrams have no names',
  keepAliveMs: 'UDP keeps nothing alive',
  noDelay: 'UDP never waits',
  connectionsMax: 'its sessions are limited by "udp.sessionsMax"',
  connectionsPerClientMax: 'its sessions are limited by "udp.sessionsPerClientMax"',
};

/** What the kernel cannot do. */
const userOnly: Readonly<Record<string, string>> = {
  domainConfigs: 'it sees no names and first bytes',
  useNetworkProxy: 'it hands nothing to the web plane',
  tls: 'it knows no TLS',
  sendProxyProtocol: 'it adds no bytes',
  proxyProtocol: 'it reads no bytes',
  bandwidth: 'it does not slow single connections down',
};

/** Fields of a backend that only a stream that we hold can serve. */
const backendStreamKeys = ['tls', 'socketPath', 'sendProxyProtocol'] as const;

/** Finds what UDP cannot do. */
export function checkUdp(entry: TLooseObject, refuse: TRefuse): void {
  for (const [key, reason] of Object.entries(streamOnly)) {
    if (isAsked(entry[key])) refuse([key], `Must be absent with "protocol: udp": ${reason}`);
  }
  refuseInBackends(entry, 'with "protocol: udp"', refuse);
}

/** Finds what rules in the kernel cannot do. */
export function checkKernel(entry: TLooseObject, refuse: TRefuse): void {
  const isUdp = entry.protocol === 'udp';
  for (const [key, reason] of Object.entries(userOnly)) {
    if (!isAsked(entry[key]) || (isUdp && streamOnly[key] !== undefined)) continue;
    if (entry[key] === 'passthrough') continue;
    refuse([key], `Must be absent with "forwarding: kernel": ${reason}`);
  }
  const { strategy, fromPort } = entry;
  if (typeof strategy === 'string' && strategy !== 'RANDOM' && strategy !== 'ROUND_ROBIN') {
    refuse(['strategy'], 'Must be RANDOM or ROUND_ROBIN: the kernel knows no other');
  }
  if (fromPort === 0) refuse(['fromPort'], 'Must be a port: the kernel cannot take a free one');
  if (!isUdp) refuseInBackends(entry, 'with "forwarding: kernel"', refuse);
  refuseNames(entry, refuse);
}

function refuseInBackends({ backends }: TLooseObject, where: string, refuse: TRefuse): void {
  (Array.isArray(backends) ? backends : []).forEach((backend: unknown, index) => {
    if (!isObject(backend)) return;
    for (const key of backendStreamKeys) {
      if (backend[key] !== undefined) refuse(['backends', index, key], `Must be absent ${where}`);
    }
  });
}

function refuseNames({ toPort, backends }: TLooseObject, refuse: TRefuse): void {
  const message = 'Must be an IP address without a zone: the kernel looks up no names';
  (Array.isArray(backends) ? backends : []).forEach((backend: unknown, index) => {
    const host = isObject(backend) ? backend.hostname : undefined;
    if (typeof host === 'string' && !isPlainIp(host))
      refuse(['backends', index, 'hostname'], message);
  });
  const visit = (target: unknown, path: (string | number)[]): void => {
    if (Array.isArray(target)) {
      target.forEach((one, index) => {
        visit(one, [...path, index]);
      });
    } else if (isMapping(target) && path.length === 1) {
      for (const [key, one] of Object.entries(target)) visit(one, [...path, key]);
    } else {
      const host = hostOf(target);
      if (host !== undefined && !isPlainIp(host)) refuse(path, message);
    }
  };
  visit(toPort, ['toPort']);
}

/** The host of a target; undefined: it is refused already, or absent. */
function hostOf(target: unknown): string | undefined {
  if (isObject(target)) return typeof target.host === 'string' ? target.host : undefined;
  const place = typeof target === 'string' ? readTarget(target) : undefined;
  return place === undefined || 'problem' in place ? undefined : place.host;
}

function isPlainIp(host: string): boolean {
  return isIP(host) !== 0 && !host.includes('%');
}

/** Whether a field asks for something: `false` and `[]` do not. */
function isAsked(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}
