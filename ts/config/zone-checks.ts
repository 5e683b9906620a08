import { isIPv4, isIPv6 } from 'node:net';
import { absoluteName, checkRecordName, misfitOf, normalizeZoneName } from './dns-name.ts';
import { isObject, type TLooseObject, type TRefuse } from './schema-object.ts';

/** Checks across the fields of a record set that need no look at its zone. */
export function checkRecord({ type, data, health }: TLooseObject, refuse: TRefuse): void {
  if (data === undefined && health === undefined) {
    refuse(['data'], 'Must be given, unless "health" says what is answered');
  }
  if (health === undefined) {
    if (type === 'ALIAS' && Array.isArray(data) && data.length > 1) {
      refuse(['data'], 'Must be one name: an ALIAS has no second one');
    }
    return;
  }
  if (data !== undefined) {
    refuse(['data'], 'Must not stand beside "health": one of them says what is answered');
  }
  if (typeof type === 'string' && type !== 'A' && type !== 'AAAA') {
    refuse(['type'], 'Must be A or AAAA with "health": only addresses live or die');
  }
  if (isObject(health)) checkHealth(health, type, refuse);
}

function checkHealth(health: TLooseObject, type: unknown, refuse: TRefuse): void {
  const { members, fallback, whenAllDead } = health;
  if (whenAllDead === 'fallback' && fallback === undefined) {
    refuse(['health', 'fallback'], 'Must be given: addresses for "whenAllDead: fallback"');
  }
  if (fallback !== undefined && whenAllDead !== 'fallback') {
    refuse(['health', 'fallback'], 'Must come with "whenAllDead: fallback", or be absent');
  }
  listOf(fallback).forEach((address, index) => {
    refuseFamily(address, type, ['health', 'fallback', index], refuse);
  });
  const seen = new Map<string, number>();
  listOf(members).forEach((member, index) => {
    if (!isObject(member)) return;
    const path = ['health', 'members', index, 'address'];
    refuseFamily(member.address, type, path, refuse);
    if (typeof member.address !== 'string') return;
    const id = JSON.stringify([member.address, member.backend]);
    const first = seen.get(id);
    if (first === undefined) seen.set(id, index);
    else refuse(path, `Must be unique: members[${first}] has this address for the same backend`);
  });
}

function refuseFamily(
  address: unknown,
  type: unknown,
  path: (string | number)[],
  refuse: TRefuse,
): void {
  if (typeof address !== 'string') return;
  if (type === 'A' && isIPv6(address)) refuse(path, 'Must be an IPv4 address: the type is A');
  if (type === 'AAAA' && isIPv4(address)) {
    refuse(path, 'Must be an IPv6 address: the type is AAAA');
  }
}

/** Checks across the fields of an update rule. */
export function checkUpdateRule({ key, from }: TLooseObject, refuse: TRefuse): void {
  if (key !== undefined || from !== undefined) return;
  refuse(['key'], 'Must be given, unless "from" says who may: else everybody could change records');
}

/** Checks across the fields of a zone, and between its record sets. */
export function checkZone(zone: TLooseObject, refuse: TRefuse): void {
  checkSources(zone, refuse);
  refuseTwinPeers(zone.primaries, 'primaries', refuse);
  refuseTwinPeers(zone.notify, 'notify', refuse);
  const apex = typeof zone.name === 'string' ? normalizeZoneName(zone.name) : undefined;
  if (typeof apex !== 'string') return;
  checkNameservers(zone, apex, refuse);
  checkRecordNames(zone.records, apex, refuse);
  listOf(zone.update).forEach((rule, index) => {
    checkUpdateNames(isObject(rule) ? rule.names : [], apex, ['update', index, 'names'], refuse);
  });
}

/** What a secondary has from its primaries. */
const primaryKeys = [
  ...['file', 'records', 'dnssec', 'update'],
  ...['nameservers', 'contact', 'ttl', 'serial'],
] as const;

function checkSources(zone: TLooseObject, refuse: TRefuse): void {
  const { file, records, primaries } = zone;
  if (primaries === undefined) {
    if (file !== undefined || records !== undefined) return;
    const message = 'Must say what the zone holds: by "file", "records" or "primaries"';
    refuse(['records'], message);
    return;
  }
  for (const key of primaryKeys) {
    const value = zone[key];
    if (value === undefined || value === false) continue;
    if (key === 'update' && Array.isArray(value) && value.length === 0) continue;
    refuse([key], 'Must not stand beside "primaries": a secondary has all from them');
  }
}

function refuseTwinPeers(peers: unknown, key: string, refuse: TRefuse): void {
  const seen = new Map<string, number>();
  listOf(peers).forEach((peer, index) => {
    if (!isObject(peer) || typeof peer.address !== 'string') return;
    const id = `${peer.address} ${peer.port ?? 53}`;
    const first = seen.get(id);
    if (first === undefined) seen.set(id, index);
    else refuse([key, index, 'address'], `Must be unique: ${key}[${first}] is this server`);
  });
}

function checkNameservers({ nameservers }: TLooseObject, apex: string, refuse: TRefuse): void {
  const seen = new Map<string, number>();
  listOf(nameservers).forEach((name, index) => {
    if (typeof name !== 'string') return;
    const path = ['nameservers', index];
    if (/^[\w-]+$/.test(name) && apex !== '.') {
      refuse(path, 'Must be the whole name of a server', `${name}.${apex}`);
    }
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else refuse(path, `Must be unique: nameservers[${first}] is this server`);
  });
}

function checkRecordNames(records: unknown, apex: string, refuse: TRefuse): void {
  const seen = new Map<string, number>();
  listOf(records).forEach((record, index) => {
    if (!isObject(record)) return;
    const name = readName(record.name);
    if (name === undefined) return;
    const path = ['records', index, 'name'];
    const misfit = misfitOf(name, apex);
    if (misfit !== undefined) refuse(path, misfit.problem, misfit.suggestion);
    if (typeof record.type !== 'string') return;
    const id = `${absoluteName(name, apex)} ${record.type}`;
    const first = seen.get(id);
    if (first === undefined) seen.set(id, index);
    else refuse(path, `Must be unique: records[${first}] is the ${record.type} record set of it`);
  });
}

function checkUpdateNames(
  names: unknown,
  apex: string,
  path: (string | number)[],
  refuse: TRefuse,
): void {
  listOf(names).forEach((given, index) => {
    if (given === '**' || given === '*' || typeof given !== 'string') return;
    const below = given.startsWith('*.') ? '*.' : '';
    const name = readName(given.slice(below.length));
    const misfit = name === undefined ? undefined : misfitOf(name, apex);
    if (misfit === undefined) return;
    const { problem, suggestion } = misfit;
    refuse([...path, index], problem, suggestion === undefined ? undefined : below + suggestion);
  });
}

/** A name that is not refused already. */
function readName(given: unknown): string | undefined {
  const name = typeof given === 'string' ? checkRecordName(given) : undefined;
  return typeof name === 'string' ? name : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
