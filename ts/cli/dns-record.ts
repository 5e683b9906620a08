import type { IRecordSetInfo } from '../../ts_interfaces/index.ts';
import { readData, readType } from '../api/record-text.ts';
import { rdataCodec } from '../dns/codec/rdata.ts';
import { txtData } from '../dns/zones/dns-manager.ts';
import { type ApiClient, ApiProblem } from './client.ts';
import { type IArguments, type TCommandRun, UsageError } from './command.ts';
import { apexOf, ttlOf, zoneNameOf, zonePath } from './dns-words.ts';
import { type Output, savedLine, type TCell } from './output.ts';

/** Times that a change is tried when somebody else changes the same records. */
const triesMax = 5;

/** `dcrouter dns record list ZONE [NAME] [TYPE]` */
export const list: TCommandRun = async ({ client, arguments: given, output }) => {
  const [zone = '', name, type] = given.positionals;
  const api = await client();
  const sets = await api.all<IRecordSetInfo>(`${zonePath(given)}/records`, {
    name: name === undefined ? undefined : ownerOf(zone, name),
    type,
    below: given.has('below') ? 'true' : undefined,
    origin: given.value('origin'),
  });
  output.show(sets, () => {
    return sets.length === 0 ? ['There are no such records'] : recordTable(sets, output);
  });
  return 0;
};

/** `dcrouter dns record set ZONE NAME TYPE DATA...`: in place of what is there. */
export const set: TCommandRun = async ({ client, arguments: given, output }) => {
  const { type, data } = wordsOf(given);
  const api = await client();
  const body = { data: data.map((text) => dataOf(type, text)), ...ttlOf(given) };
  const { item, created } = await api.save<IRecordSetInfo>('PUT', setPath(given), body);
  output.show(item, () => [savedLine(output, created, `${item.name} ${item.type}`)]);
  return 0;
};

/** `dcrouter dns record add ZONE NAME TYPE DATA...`: beside what is there. */
export const add: TCommandRun = async ({ client, arguments: given, output }) => {
  const { type, data } = wordsOf(given);
  const more = data.map((text) => dataOf(type, text));
  const api = await client();
  const done = await change(api, setPath(given), (before) => {
    const ttl = before === undefined ? {} : { ttl: before.ttl };
    return { ...ttl, ...ttlOf(given), data: [...(before?.data ?? []), ...more] };
  });
  output.show(done, () => [`${output.styled('added', 'green')}  ${done.name} ${done.type}`]);
  return 0;
};

/** `dcrouter dns record remove ZONE NAME TYPE [DATA...]`: all of the type, or some. */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const { zone, type, data } = wordsOf(given);
  const path = setPath(given);
  const api = await client();
  if (data.length === 0) {
    await api.call('DELETE', path);
  } else {
    const gone = new Set(data.map((text) => normalData(zone, type, text)));
    await removeSome(api, path, (line) => gone.has(normalData(zone, type, line)));
  }
  const removed = given.positionals.slice(0, 3).join(' ');
  output.show({ removed, data }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** Puts what `make` makes of a record set, as often as others come between. */
async function change(
  api: ApiClient,
  path: string,
  make: (before: IRecordSetInfo | undefined) => object,
): Promise<IRecordSetInfo> {
  for (let tried = 1; ; tried++) {
    const found = await read(api, path);
    const condition: Record<string, string> =
      found === undefined ? { 'if-none-match': '*' } : { 'if-match': found.tag };
    try {
      const call = { body: make(found?.item), headers: condition };
      return await api.call<IRecordSetInfo>('PUT', path, call);
    } catch (error) {
      if (!isTooLate(error) || tried >= triesMax) throw error;
    }
  }
}

async function removeSome(
  api: ApiClient,
  path: string,
  isGone: (line: string) => boolean,
): Promise<void> {
  for (let tried = 1; ; tried++) {
    const { item, tag } = await api.tagged<IRecordSetInfo>('GET', path);
    const data = item.data.filter((line) => !isGone(line));
    if (data.length === item.data.length) {
      throw new UsageError(`${item.name} ${item.type} has no such data: ${item.data.join(', ')}`);
    }
    const headers = { 'if-match': tag };
    try {
      if (data.length === 0) await api.call('DELETE', path, { headers });
      else await api.call('PUT', path, { body: { ttl: item.ttl, data }, headers });
      return;
    } catch (error) {
      if (!isTooLate(error) || tried >= triesMax) throw error;
    }
  }
}

async function read(api: ApiClient, path: string) {
  try {
    return await api.tagged<IRecordSetInfo>('GET', path);
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'RECORD_UNKNOWN') return undefined;
    throw error;
  }
}

function isTooLate(error: unknown): boolean {
  return error instanceof ApiProblem && error.code === 'PRECONDITION_FAILED';
}

function wordsOf({ positionals }: IArguments) {
  const [zone = '', , type = '', ...data] = positionals;
  return { zone, type, data };
}

function setPath(given: IArguments): string {
  const [zone = '', name = '', type = ''] = given.positionals;
  const owner = encodeURIComponent(ownerOf(zone, name));
  return `${zonePath(given)}/records/${owner}/${encodeURIComponent(type)}`;
}

/** People write whole names without the trailing dot; nobody means a zone's name twice. */
function ownerOf(zone: string, name: string): string {
  const apex = zoneNameOf(zone).toLowerCase();
  const lower = name.toLowerCase();
  const isWhole = apex !== '' && (lower === apex || lower.endsWith(`.${apex}`));
  return isWhole ? `${name}.` : name;
}

/** The shell has taken the quotes: a text is one text, cut where it is too long for one. */
function dataOf(type: string, text: string): string {
  const isText = /^(?:txt|spf)$/i.test(type);
  if (!isText || /^\s*["\\]/.test(text)) return text;
  return txtData(text);
}

/** The one spelling of all that mean the same data. @throws UsageError for what is none. */
function normalData(zone: string, typeName: string, text: string): string {
  const type = readType(typeName);
  if (typeof type !== 'number') throw new UsageError(`"${typeName}": ${type.problem}`);
  const rdata = readData(type, dataOf(typeName, text), apexOf(zone));
  if (!Buffer.isBuffer(rdata)) throw new UsageError(`"${text}": ${rdata.problem}`);
  const codec = rdataCodec(type);
  return codec.format(codec.canonical(rdata));
}

function recordTable(sets: readonly IRecordSetInfo[], output: Output): string[] {
  const rows = sets.flatMap(({ name, type, ttl, data, origin, health, owners }): TCell[][] => {
    const by = owners === undefined ? origin : `${origin} (${owners.join(', ')})`;
    const shown = health === undefined ? data : [`health of ${health.upstream}`];
    return shown.map((text) => [name, String(ttl), type, by, text]);
  });
  return output.table(['NAME', 'TTL', 'TYPE', 'ORIGIN', 'DATA'], rows);
}
