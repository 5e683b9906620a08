import { isPortRange, mergeRanges, readPortRange, spellRange } from './port-range.ts';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';
import { domainConfigId } from './tcp-ids.ts';
import { listenedRanges } from './tcp-port-checks.ts';

/** Finds domain configs of an entry that share an id, or a connection that only one can take. */
export function checkConditions(
  entry: TLooseObject,
  configs: readonly unknown[],
  refuse: TRefuse,
): void {
  const ids = new Map<string, number>();
  const takers = new Map<string, number>();
  const everyPort = spellPorts(listenedRanges(entry));
  configs.forEach((config, index) => {
    if (!isObject(config)) return;
    const conditions = conditionsOf(config, everyPort);
    const { domains } = config;
    const hasTwin = Array.isArray(domains)
      ? refuseTakenDomains(takers, domains, conditions, index, refuse)
      : refuseTaken(takers, conditions, index, refuse);
    // An id that comes from what is refused already is no second problem.
    const isDefault = config.id === domainConfigId(config);
    if (!hasTwin || !isDefault) refuseTwinId(ids, config.id, index, refuse);
  });
}

/** @returns whether the first domain is taken, which gives the config its id. */
function refuseTakenDomains(
  takers: Map<string, number>,
  domains: readonly unknown[],
  conditions: string,
  index: number,
  refuse: TRefuse,
): boolean {
  let isFirstTaken = false;
  domains.forEach((domain, at) => {
    const key = `${domain} ${conditions}`;
    const first = takers.get(key);
    if (takeOnce(takers, key, index)) return;
    const message =
      first === index
        ? 'Must be given once'
        : `Must be given once, unless "portRanges" or "alpn" differ: domainConfigs[${first}] has it`;
    refuse(['domainConfigs', index, 'domains', at], message);
    if (at === 0) isFirstTaken = true;
  });
  return isFirstTaken;
}

function refuseTaken(
  takers: Map<string, number>,
  conditions: string,
  index: number,
  refuse: TRefuse,
): boolean {
  const first = takers.get(conditions);
  if (takeOnce(takers, conditions, index)) return false;
  const message = `Must differ from domainConfigs[${first}] in what it takes: it could never match`;
  refuse(['domainConfigs', index, 'protocol'], message);
  return true;
}

function takeOnce(takers: Map<string, number>, key: string, index: number): boolean {
  if (takers.has(key)) return false;
  takers.set(key, index);
  return true;
}

function refuseTwinId(ids: Map<string, number>, id: unknown, index: number, refuse: TRefuse): void {
  if (typeof id !== 'string' || id === '') return;
  const first = ids.get(id);
  if (first === undefined) ids.set(id, index);
  else {
    const message = `Must be unique: domainConfigs[${first}] has the id ${JSON.stringify(id)}`;
    refuse(['domainConfigs', index, 'id'], message);
  }
}

/** What decides beside the domain which connections are taken, in one spelling whatever the order. */
function conditionsOf({ domains, protocol, portRanges, alpn }: TLooseObject, everyPort: string) {
  const kind = protocol ?? (domains === undefined ? 'any' : 'tls');
  const ports = portRanges === undefined ? everyPort : spellPorts(portRanges);
  if (alpn === undefined) return `${kind} ${ports}`;
  return `${kind} ${ports} ${JSON.stringify(Array.isArray(alpn) ? [...alpn].sort() : alpn)}`;
}

function spellPorts(ranges: unknown): string {
  const read = (Array.isArray(ranges) ? ranges : []).map(readPortRange);
  return mergeRanges(read.filter(isPortRange)).map(spellRange).join();
}
