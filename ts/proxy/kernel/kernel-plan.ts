import type { Backend, IConnectionRate, IPortProxySettings } from '../../../ts_interfaces/index.ts';
import { DcError } from '../../core/errors.ts';
import { isListName } from '../../net/address-list.ts';
import { isCidr } from '../../net/cidr.ts';
import { canonicalIp } from '../../net/ip.ts';
import { type IPortSpan, portSpan, portsOfSpans } from '../tcp/ports.ts';
import { targetsOf } from '../tcp/targets.ts';

/** What a rule can count to. */
const connectionsMax = 2 ** 32 - 1;
/** What a rule can say about rates, with room to count them by the day. */
const rateMax = 10_000_000;

/** A place that packets are sent to. */
export interface IKernelTarget {
  readonly family: 4 | 6;
  /** In normal form, without zone. */
  readonly ip: string;
  /** 0: the port that the client came to. */
  readonly port: number;
  readonly weight: number;
}

/** Ports whose connections go to the same targets. */
export interface IKernelGroup {
  readonly ports: readonly IPortSpan[];
  /** Alive ones only; empty: nothing is done with packets to these ports. */
  readonly targets: readonly IKernelTarget[];
}

/** An entry as rules can say it; everything in it is checked. */
export interface IKernelPlan {
  readonly id: string;
  readonly protocol: 'tcp' | 'udp';
  /** null: every address of this machine. */
  readonly address: { family: 4 | 6; ip: string } | null;
  readonly groups: readonly IKernelGroup[];
  /** CIDRs, addresses and `@name`. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** 0: no limit. */
  readonly connectionsMax: number;
  /** 0: no limit. */
  readonly connectionsPerClientMax: number;
  readonly rate: IConnectionRate | null;
}

/**
 * Compiles an entry for the kernel.
 *
 * Timeouts, retries, keep-alive and health are not the kernel's: it balances by chance over all
 * backends that are not marked as dead in the configuration.
 *
 * @throws DcError `TCP_INVALID` with all that the kernel cannot do (see `kernelObstacles`).
 */
export function compileKernel(entry: IPortProxySettings): IKernelPlan {
  const obstacles = kernelObstacles(entry);
  if (obstacles.length > 0) {
    const message = `Cannot forward "${entry.id}" in the kernel: ${obstacles.join('; ')}`;
    const problems = obstacles.map((message) => ({ path: 'forwarding', message }));
    throw new DcError('TCP_INVALID', message, { problems });
  }
  const { udp = {}, access = {} } = entry;
  return Object.freeze({
    id: entry.id,
    protocol: entry.protocol ?? 'tcp',
    address: addressOf(entry.address),
    groups: groupsOf(entry),
    allow: access.allow ?? [],
    deny: access.deny ?? [],
    connectionsMax: entry.connectionsMax || udp.sessionsMax || 0,
    connectionsPerClientMax: entry.connectionsPerClientMax || udp.sessionsPerClientMax || 0,
    rate: entry.connectionRate ?? null,
  });
}

/** Why rules cannot do what the entry wants, by its options alone; empty: they can. */
export function kernelObstacles(entry: IPortProxySettings): string[] {
  const { tls } = entry;
  const looks: [boolean, string][] = [
    [(entry.domainConfigs?.length ?? 0) > 0, 'domain configs need a look at the first bytes'],
    [entry.useNetworkProxy === true, '"useNetworkProxy" hands connections to this process'],
    [tls !== undefined && tls !== 'passthrough', 'TLS is terminated in this process'],
    [entry.proxyProtocol !== undefined, 'PROXY protocol headers are read in this process'],
    [entry.sendProxyProtocol !== undefined, 'PROXY protocol headers are sent by this process'],
    [entry.bandwidth !== undefined, '"bandwidth" is measured in this process'],
    [portsOf(entry).includes(0), 'port 0 is no port that a rule can name'],
  ];
  const found = looks.filter(([is]) => is).map(([, reason]) => reason);
  const address = addressOf(entry.address);
  if (entry.address !== undefined && address === null && entry.address !== '::') {
    found.push(`"${entry.address}" is no address that a rule can name`);
  }
  for (const backend of backendsOf(entry).backends) {
    const reason = backendObstacle(backend, address);
    if (reason !== undefined) found.push(`backend "${backend.id}" ${reason}`);
  }
  found.push(...invalidValues(entry));
  if (found.length === 0 && groupsOf(entry).length === 0) found.push('no port has a backend');
  return found;
}

/** What the configuration would have refused: nothing may get into a rule unchecked. */
function invalidValues(entry: IPortProxySettings): string[] {
  const { protocol = 'tcp', access = {}, udp = {}, connectionRate: rate } = entry;
  const found: string[] = [];
  if (protocol !== 'tcp' && protocol !== 'udp') found.push('"protocol" is neither tcp nor udp');
  const limits = {
    connectionsMax: entry.connectionsMax,
    connectionsPerClientMax: entry.connectionsPerClientMax,
    'udp.sessionsMax': udp.sessionsMax,
    'udp.sessionsPerClientMax': udp.sessionsPerClientMax,
  };
  for (const [name, value = 0] of Object.entries(limits)) {
    const isValid = Number.isInteger(value) && value >= 0 && value <= connectionsMax;
    if (!isValid) found.push(`"${name}" is no limit that a rule can have`);
  }
  const numbers = [rate?.connections ?? 1, rate?.windowSeconds ?? 1, rate?.burst ?? 1];
  const isRate = numbers.every((value) => Number.isFinite(value) && value > 0 && value <= rateMax);
  if (!isRate) found.push('"connectionRate" is no rate that a rule can have');
  for (const text of [...(access.allow ?? []), ...(access.deny ?? [])]) {
    const isKnown = text.startsWith('@') ? isListName(text.slice(1)) : isCidr(text);
    if (!isKnown) found.push(`"${text}" is no CIDR and no list of addresses`);
  }
  return found;
}

/** Targets of every group, each once. */
export function targetsOfPlan({ groups }: IKernelPlan): IKernelTarget[] {
  const targets = groups.flatMap((group) => group.targets);
  return [...new Map(targets.map((target) => [`${target.ip} ${target.port}`, target])).values()];
}

function backendObstacle(backend: Backend, address: IKernelPlan['address']): string | undefined {
  const { hostname, tls, socketPath, sendProxyProtocol, port, weight = 1 } = backend;
  if (socketPath !== undefined) return 'is a unix socket';
  if (tls !== undefined) return 'is spoken to by TLS';
  if (sendProxyProtocol !== undefined) return 'gets PROXY protocol headers';
  const family = familyOf(hostname);
  if (family === 0) return 'is named, and rules know no names: give its IP address';
  if (hostname.includes('%')) return 'has an IPv6 zone';
  if (!isPort(port) && port !== 0) return 'has no valid port';
  if (!isPort(weight)) return 'has no valid weight';
  if (canonicalIp(hostname) === '::1') return 'is ::1, where the kernel sends nothing from outside';
  if (address !== null && address.family !== family) return 'is of another family than the address';
  return undefined;
}

function backendsOf({ toPort, backends = [] }: IPortProxySettings): ReturnType<typeof targetsOf> {
  return toPort === undefined ? { backends, byPort: null } : targetsOf(toPort);
}

function groupsOf(entry: IPortProxySettings): IKernelGroup[] {
  const { backends, byPort } = backendsOf(entry);
  const everywhere = backends.map((_, place) => place);
  const portsByPlaces = new Map<readonly number[], number[]>();
  for (const port of portsOf(entry)) {
    const places = byPort === null ? everywhere : byPort.get(port);
    if (places === undefined || places.length === 0) continue;
    const ports = portsByPlaces.get(places);
    if (ports === undefined) portsByPlaces.set(places, [port]);
    else ports.push(port);
  }
  return [...portsByPlaces].flatMap(([places, ports]) => {
    const alive = places.map((place) => backends[place] as Backend).filter(isAlive);
    return splitByPort(ports, alive.map(targetOf));
  });
}

/** A map of targets either has ports or none: where some keep the client's, each port is by itself. */
function splitByPort(ports: number[], targets: IKernelTarget[]): IKernelGroup[] {
  const isMixed = targets.some(({ port }) => port === 0) && targets.some(({ port }) => port !== 0);
  if (!isMixed) return [{ ports: spansOf(ports), targets }];
  return ports.map((port) => ({
    ports: [{ from: port, to: port }],
    targets: targets.map((target) => ({ ...target, port: target.port || port })),
  }));
}

function targetOf({ hostname, port, weight = 1 }: Backend): IKernelTarget {
  const ip = canonicalIp(hostname) as string;
  return { family: ip.includes(':') ? 6 : 4, ip, port, weight };
}

function isAlive({ isDead, maintenance = false }: Backend): boolean {
  return !isDead && !maintenance;
}

function portsOf({ fromPort, globalPortRanges = [] }: IPortProxySettings): number[] {
  const own = fromPort === undefined ? [] : [fromPort];
  return portsOfSpans([...own, ...globalPortRanges].map(portSpan)).filter(
    (port) => port === 0 || isPort(port),
  );
}

/** Runs of ports that follow each other; the ports are ascending. */
function spansOf(ports: readonly number[]): IPortSpan[] {
  const spans: { from: number; to: number }[] = [];
  for (const port of ports) {
    const last = spans.at(-1);
    if (last !== undefined && last.to === port - 1) last.to = port;
    else spans.push({ from: port, to: port });
  }
  return spans;
}

/** null for every address, and for what is none. */
function addressOf(text: string | undefined): IKernelPlan['address'] {
  if (text === undefined || text === '::' || text.includes('%')) return null;
  const family = familyOf(text);
  return family === 0 ? null : { family, ip: canonicalIp(text) as string };
}

function familyOf(text: string): 0 | 4 | 6 {
  const ip = canonicalIp(text);
  if (ip === undefined) return 0;
  return ip.includes(':') ? 6 : 4;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}
