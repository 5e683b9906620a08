import type { Backend, TToPort } from '../../../ts_interfaces/index.ts';
import { type ITcpPlace, readToPort } from '../../config/tcp-target.ts';
import { PortMap } from './ports.ts';

/** Where connections go: backends, and which of them by the port that the client came to. */
export interface ITargets {
  /** Port 0: the one that the client came to. */
  readonly backends: readonly Backend[];
  /** Places in `backends`, by the client's port; null: all of them for every port. */
  readonly byPort: PortMap<readonly number[]> | null;
}

/** Reads `toPort`, which `ts/config` has checked. Each address is one backend, named by it. */
export function targetsOf(toPort: TToPort): ITargets {
  const backends: Backend[] = [];
  const known = new Map<string, number>();
  const placesOf = (places: readonly ITcpPlace[]): readonly number[] => {
    const found = places.map((place) => {
      const backend = backendOf(place);
      const index = known.get(backend.id) ?? backends.push(backend) - 1;
      known.set(backend.id, index);
      return index;
    });
    return [...new Set(found)];
  };
  const rules = readToPort(toPort).map(({ ports, places }) => ({ ports, found: placesOf(places) }));
  const spans = rules.flatMap(({ ports, found }) => {
    return ports === null ? [] : [[ports, found] as const];
  });
  // Either one rule for every port, or one for each key of a mapping.
  return { backends, byPort: spans.length === 0 ? null : new PortMap(spans) };
}

function backendOf({ host, port }: ITcpPlace): Backend {
  const name = host.includes(':') ? `[${host}]` : host;
  const id = port === 0 ? name : `${name}:${port}`;
  return { id, hostname: host, port, isDead: false, failureCount: 0 };
}
