import type { TTcpTarget } from '../../ts_interfaces/data/tcp.ts';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';
import { listenedRanges } from './tcp-port-checks.ts';
import { type ITcpPlace, isMapping, readTarget } from './tcp-target.ts';

/** This machine, by itself; other addresses of it are not known before it runs. */
const ownHost = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
const everyAddress = new Set<unknown>([undefined, '0.0.0.0', '::']);

/** Refuses targets that lead back to the entry: one client would take every descriptor. */
export function checkLoops(entry: TLooseObject, refuse: TRefuse): void {
  if (entry.enabled === false) return;
  const { domainConfigs } = entry;
  const configs = Array.isArray(domainConfigs) ? domainConfigs : [];
  const actions = [
    { action: entry, path: [] as (string | number)[] },
    ...configs.map((action: unknown, index) => ({ action, path: ['domainConfigs', index] })),
  ];
  for (const { action, path } of actions) {
    if (!isObject(action)) continue;
    for (const { place, at } of placesOf(action)) {
      if (!leadsBack(place, entry)) continue;
      refuse([...path, ...at], 'Must lead elsewhere: the entry itself listens there');
    }
  }
}

function leadsBack({ host, port }: ITcpPlace, entry: TLooseObject): boolean {
  if (!ownHost.test(host)) return false;
  const { address } = entry;
  if (!everyAddress.has(address) && address !== host && host !== 'localhost') return false;
  // 0 is the port that the client came to, which is one of ours.
  return port === 0 || listenedRanges(entry).some(({ from, to }) => port >= from && port <= to);
}

function placesOf({ toPort, backends }: TLooseObject): {
  place: ITcpPlace;
  at: (string | number)[];
}[] {
  const targets = isMapping(toPort) ? Object.values(toPort).flat() : [toPort].flat();
  const list = Array.isArray(backends) ? backends : [];
  return [
    ...targets.flatMap((target: unknown) => {
      const place = readable(target) ? readTarget(target) : null;
      return place !== null && 'host' in place ? [{ place, at: ['toPort'] }] : [];
    }),
    ...list.flatMap((backend: unknown, index) => {
      const { hostname, port = 0, socketPath } = Object(backend);
      if (typeof hostname !== 'string' || socketPath !== undefined) return [];
      const place = { host: hostname.toLowerCase(), port: Number(port) };
      return [{ place, at: ['backends', index, 'hostname'] }];
    }),
  ];
}

/** What cannot be read has its problem already. */
function readable(target: unknown): target is TTcpTarget {
  if (typeof target === 'number' || typeof target === 'string') return true;
  return isObject(target) && typeof target.host === 'string';
}
