import {
  findOverlaps,
  type IPortRange,
  isPortRange,
  mergeRanges,
  readPortRange,
  spellRange,
  spellRanges,
  subtractRanges,
} from './port-range.ts';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';
import { isMapping, targetsOf } from './tcp-target.ts';

/** Ports of an entry with the place that each has in it, so far as they can be read. */
export interface IListenedPort extends IPortRange {
  path: (string | number)[];
}

/** The ports that an entry listens on, of which refused ones may lack. Port 0 is a free one. */
export function listenedPorts({ fromPort, globalPortRanges }: TLooseObject): IListenedPort[] {
  const single = readPortRange(fromPort);
  const ports: IListenedPort[] = [];
  if (fromPort === 0) ports.push({ path: ['fromPort'], from: 0, to: 0 });
  else if (isPortRange(single)) ports.push({ ...single, path: ['fromPort'] });
  (Array.isArray(globalPortRanges) ? globalPortRanges : []).forEach((given: unknown, index) => {
    const range = readPortRange(given);
    if (isPortRange(range)) ports.push({ ...range, path: ['globalPortRanges', index] });
  });
  return ports;
}

/** The same as the fewest ranges, without port 0. */
export function listenedRanges(entry: TLooseObject): IPortRange[] {
  return mergeRanges(listenedPorts(entry).filter(({ from }) => from > 0));
}

/** Checks that the ports of an entry, its mappings and its domain configs fit each other. */
export function checkEntryPorts(
  entry: TLooseObject,
  configs: readonly unknown[],
  refuse: TRefuse,
): void {
  const { fromPort, globalPortRanges } = entry;
  if (fromPort === undefined && globalPortRanges === undefined) {
    const message =
      'Must be given, unless "globalPortRanges" names the ports: a whole number from 0 to 65535';
    refuse(['fromPort'], message);
    return;
  }
  const listened = listenedPorts(entry);
  for (const [later, first] of findOverlaps(listened)) {
    const { path } = listened[later] as IListenedPort;
    const message = `Must not overlap: ${spellPath(listened[first])} has ports of it too`;
    refuse(path, message);
  }
  if (!isReadable(entry, listened)) return;
  new PortCheck(listened, entry, refuse).run(configs);
}

class PortCheck {
  private readonly entry: TLooseObject;
  private readonly refuse: TRefuse;
  private readonly ports: IPortRange[];
  private readonly hasFreePort: boolean;

  constructor(listened: readonly IListenedPort[], entry: TLooseObject, refuse: TRefuse) {
    this.entry = entry;
    this.refuse = refuse;
    this.ports = mergeRanges(listened.filter(({ from }) => from > 0));
    this.hasFreePort = listened.some(({ from }) => from === 0);
  }

  run(configs: readonly unknown[]): void {
    /** Ports that domain configs take, where the entry's own action may have no target. */
    const taken: IPortRange[] = [];
    let takesAll = false;
    configs.forEach((config, index) => {
      const path = ['domainConfigs', index];
      const ports = isObject(config) ? this.portsOf(config, path) : undefined;
      if (isObject(config)) {
        const hasFreePort = this.hasFreePort && ports === undefined;
        this.checkMapping(config, { ports: ports ?? this.ports, hasFreePort, path, others: [] });
      }
      if (ports === undefined) takesAll = true;
      else taken.push(...ports);
    });
    const { ports, hasFreePort } = this;
    const others = takesAll ? ports : mergeRanges(taken);
    this.checkMapping(this.entry, {
      ports,
      hasFreePort: hasFreePort && !takesAll,
      path: [],
      others,
    });
    const hasTarget = targetsOf(this.entry).length > 0;
    if (!hasTarget && !takesAll && configs.length > 0) this.checkTaken(others);
  }

  /** The ports of a domain config; undefined: every one of the entry. */
  private portsOf(config: TLooseObject, path: (string | number)[]): IPortRange[] | undefined {
    const { portRanges } = config;
    if (!Array.isArray(portRanges)) return undefined;
    const ranges: IPortRange[] = [];
    portRanges.forEach((given: unknown, index) => {
      const range = readPortRange(given);
      if (!isPortRange(range)) return;
      ranges.push(range);
      const outside = subtractRanges([range], this.ports);
      if (outside.length === 0) return;
      const message = `Must lie within the ports of the entry: ${spellRanges(outside)} does not`;
      this.refuse([...path, 'portRanges', index], message);
    });
    return mergeRanges(ranges);
  }

  private checkMapping({ toPort }: TLooseObject, range: IMappingRange): void {
    if (!isMapping(toPort)) return;
    const place = [...range.path, 'toPort'];
    const keys = Object.keys(toPort);
    if (keys.length === 0) {
      this.refuse(place, 'Must map at least one port, or be a target');
      return;
    }
    const ranges = this.readKeys(keys, range.ports, place);
    if (ranges.length < keys.length) return;
    const left = subtractRanges(range.ports, mergeRanges([...ranges, ...range.others]));
    if (left.length > 0) {
      this.refuse(place, `Must have a target for ${spellRanges(left)} too: it listens there`);
    }
    if (range.hasFreePort) {
      const message =
        'Must be one target: the port that "fromPort: 0" takes cannot be in a mapping';
      this.refuse(place, message);
    }
  }

  /** The ports of those keys of a mapping that are ports. */
  private readKeys(
    keys: readonly string[],
    ports: readonly IPortRange[],
    place: (string | number)[],
  ): IPortRange[] {
    const ranges = keys.map((key) => {
      const range = readPortRange(key);
      return isPortRange(range) ? range : undefined;
    });
    for (const [later, first] of findOverlaps(ranges)) {
      const message = `Must not overlap: ${JSON.stringify(keys[first])} maps ports of it too`;
      this.refuse([...place, keys[later] as string], message);
    }
    ranges.forEach((range, index) => {
      const outside = range === undefined ? [] : subtractRanges([range], ports);
      if (outside.length === 0) return;
      const message = `Must name ports that it listens on: ${spellRanges(outside)} is none`;
      this.refuse([...place, keys[index] as string], message);
    });
    return ranges.filter((range) => range !== undefined);
  }

  /** Without an action of the entry, every port needs a domain config. */
  private checkTaken(taken: readonly IPortRange[]): void {
    const left = subtractRanges(this.ports, taken);
    if (this.hasFreePort) left.unshift({ from: 0, to: 0 });
    if (left.length === 0) return;
    const ports = spellRanges(left);
    const message = `Must take connections at ${ports} too, or the entry say where they go`;
    this.refuse(['domainConfigs'], message);
  }
}

/** Where a mapping counts. */
interface IMappingRange {
  ports: readonly IPortRange[];
  /** Whether it counts for the port that `fromPort: 0` takes as well. */
  hasFreePort: boolean;
  path: (string | number)[];
  /** Ports that it may leave out, for somebody else has a target for them. */
  others: readonly IPortRange[];
}

/** Whether all ports of an entry could be read: else its mappings cannot be judged. */
function isReadable(entry: TLooseObject, listened: readonly IListenedPort[]): boolean {
  const { fromPort, globalPortRanges } = entry;
  const ranges = Array.isArray(globalPortRanges) ? globalPortRanges.length : 0;
  if (globalPortRanges !== undefined && ranges === 0) return false;
  return listened.length === ranges + (fromPort === undefined ? 0 : 1);
}

function spellPath(port: IListenedPort | undefined): string {
  const [key, index] = port?.path ?? [];
  const range = port === undefined ? '' : spellRange(port);
  return index === undefined ? `${key} ${range}` : `${key}[${index}] ${range}`;
}
