import type { IZoneInfo, IZoneOptions, IZonePeer } from '../../ts_interfaces/index.ts';
import type { IZoneChanged, IZoneView } from '../api/zone-service.ts';
import { nameAndViewOf } from '../config/zone-ids.ts';
import { loadZone, readIncludedFile } from '../dns/zone/load-zone.ts';
import { format } from '../dns/zone/master-writer.ts';
import { ZoneProblems } from '../dns/zone/zone-problem.ts';
import { type ApiClient, ApiProblem } from './client.ts';
import { type IContext, type TCommandRun, UsageError } from './command.ts';
import { readDataFile } from './data-file.ts';
import { readZoneFile } from './dns-check.ts';
import { apexOf, ttlOf, zonePath } from './dns-words.ts';
import { amount } from './format.ts';
import { type Output, savedLine, type TCell } from './output.ts';

/** Bytes of a file from which a zone can be made at once. */
const newZoneBytesMax = 16_777_216;

/** `dcrouter dns zone list` */
export const list: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const query = { q: given.value('search'), state: given.value('state') };
  const zones = await api.all<IZoneInfo>('/dns/zones', query);
  output.show(zones, () => {
    return zones.length === 0 ? ['There are no zones'] : zoneTable(zones, output);
  });
  return 0;
};

/** `dcrouter dns zone show ZONE` */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const zone = await api.call<IZoneView>('GET', zonePath(given));
  output.show(zone, () => zoneLines(zone, output));
  return 0;
};

/** `dcrouter dns zone add NAME` */
export const add: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const [name = ''] = given.positionals;
  const options = await optionsOf(context);
  const isFilled = ['file', 'records', 'primaries'].some((key) => key in options);
  const zone = { name, ...(isFilled ? {} : { records: [] }), ...options };
  const api = await client();
  const { item, created } = await api.save<IZoneView>('POST', '/dns/zones', zone);
  output.show(item, () => [savedLine(output, created, item.id)]);
  return 0;
};

/** `dcrouter dns zone set ZONE` */
export const set: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const unset = Object.fromEntries(given.values('unset').map((name) => [name, null]));
  const patch = { ...(await optionsOf(context)), ...unset };
  if (Object.keys(patch).length === 0) throw new UsageError('Say what to change, or give --file');
  const api = await client();
  const zone = await api.call<IZoneView>('PATCH', zonePath(given), { body: patch });
  output.show(zone, () => [`${output.styled('changed', 'green')}  ${zone.id}`]);
  return 0;
};

/** `dcrouter dns zone remove ZONE` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  await api.call('DELETE', zonePath(given));
  const [removed = ''] = given.positionals;
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

/** `dcrouter dns zone import ZONE FILE`: makes the zone when there is none. */
export const importFile: TCommandRun = async ({ client, arguments: given, output, terminal }) => {
  const [zone = '', file = ''] = given.positionals;
  const text = await readZoneFile(file, terminal);
  const body = withIncluded(zone, file, text);
  const call = { body, contentType: 'text/dns' };
  const api = await client();
  try {
    const done = await api.call<IZoneChanged>('PUT', `${zonePath(given)}/import`, call);
    output.show(done, () => [changedLine(done, 'imported', output)]);
  } catch (error) {
    // What includes others is sent in other lines than the file has.
    const name = body === text && file !== '-' ? file : undefined;
    if (!(error instanceof ApiProblem)) throw error;
    if (error.code !== 'ZONE_UNKNOWN') throw placedIn(name, error);
    const made = await makeZone(api, zone, body).catch((reason: unknown) => {
      throw reason instanceof ApiProblem ? placedIn(name, reason) : reason;
    });
    const done = { zone: made.id, serial: made.serial };
    output.show(done, () => [changedLine(done, 'added', output)]);
  }
  return 0;
};

/** `dcrouter dns zone export ZONE`: a master file, whoever looks. */
export const exportFile: TCommandRun = async ({ client, arguments: given, output, terminal }) => {
  const api = await client();
  const query = { source: given.has('served') ? 'served' : undefined };
  const path = `${zonePath(given)}/export`;
  if (given.has('json')) {
    output.line({ zone: given.positionals[0], masterFile: await api.text(path, query) });
    return 0;
  }
  await api.pieces(path, query, (piece) => {
    if (terminal.stdout.write(piece)) return undefined;
    return new Promise<void>((resolve) => terminal.stdout.once('drain', () => resolve()));
  });
  return 0;
};

/** `dcrouter dns zone revert ZONE [NAME] [TYPE]` */
export const revert: TCommandRun = async ({ client, arguments: given, output }) => {
  const [, name, type] = given.positionals;
  const api = await client();
  const body = { ...(name === undefined ? {} : { name }), ...(type === undefined ? {} : { type }) };
  const done = await api.call<IZoneChanged>('POST', `${zonePath(given)}/revert`, { body });
  output.show(done, () => [changedLine(done, 'reverted', output)]);
  return 0;
};

/** `dcrouter dns zone notify ZONE` */
export const notify: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const done = await api.call<IZoneChanged>('POST', `${zonePath(given)}/notify`);
  output.show(done, () => [changedLine(done, 'notified', output)]);
  return 0;
};

/** `dcrouter dns zone retransfer ZONE` */
export const retransfer: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const query = { whole: given.has('if-newer') ? 'false' : undefined };
  const path = `${zonePath(given)}/retransfer`;
  const done = await api.call<IZoneChanged>('POST', path, { query });
  output.show(done, () => [changedLine(done, 'fetched', output)]);
  return 0;
};

/** Says what was done to a zone. */
export function changedLine(done: IZoneChanged, what: string, output: Output): string {
  const serial = done.serial === null ? 'nothing is served' : `serial ${done.serial}`;
  return `${output.styled(what, 'green')}  ${output.styled(done.zone, 'bold')} (${serial})`;
}

async function makeZone(api: ApiClient, id: string, body: Buffer): Promise<IZoneView> {
  if (body.length > newZoneBytesMax) {
    const message = `There is no zone "${id}", and the file is too large to make it: add it first`;
    throw new UsageError(message);
  }
  const query = nameAndViewOf(id);
  return await api.call('POST', '/dns/zones', { query, body, contentType: 'text/dns' });
}

/** The router knows the lines of a text, and not the file that it came from. */
function placedIn(file: string | undefined, error: ApiProblem): ApiProblem {
  if (file === undefined) return error;
  const { status, code, message, problems } = error;
  const placed = problems.map((problem) =>
    problem.line === undefined || problem.file !== undefined ? problem : { ...problem, file },
  );
  return new ApiProblem(status, code, message, placed);
}

/** The router reads no files of ours: what the file includes is put into it. */
function withIncluded(zone: string, file: string, text: Buffer): Buffer {
  if (!/^\s*\$include\s/im.test(text.toString('latin1'))) return text;
  const origin = apexOf(zone);
  const loaded = loadZone(text, { origin, fileName: file, readInclude: readIncludedFile });
  if (loaded.zone !== null) return Buffer.from(format(loaded.zone));
  const lines = loaded.problems.kept.filter(({ severity }) => severity === 'error');
  throw new UsageError(lines.slice(0, 20).map(ZoneProblems.format).join('\n'));
}

const optionFlags = [
  'view',
  'nameserver',
  'contact',
  'ttl',
  'serial',
  'primary',
  'notify',
  'transfer',
  'dnssec',
];

/** Options of a zone, by a file or by flags. */
async function optionsOf({ arguments: given, terminal }: IContext): Promise<Partial<IZoneOptions>> {
  const file = given.value('file');
  if (file !== undefined) {
    const extra = optionFlags.find((name) => given.has(name));
    if (extra !== undefined) throw new UsageError(`--${extra} cannot stand beside --file`);
    const data = await readDataFile(file, terminal);
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data;
    throw new UsageError(`"${file}" must hold one zone`);
  }
  const [view, contact] = [given.value('view'), given.value('contact')];
  const serial = given.value('serial') as IZoneOptions['serial'];
  const lists = {
    nameservers: given.values('nameserver'),
    primaries: given.values('primary').map(peerOf),
    notify: given.values('notify').map(peerOf),
    transfer: given.values('transfer'),
  };
  return {
    ...(view === undefined ? {} : { view }),
    ...(contact === undefined ? {} : { contact }),
    ...ttlOf(given),
    ...(serial === undefined ? {} : { serial }),
    ...Object.fromEntries(Object.entries(lists).filter(([, values]) => values.length > 0)),
    ...(given.has('dnssec') ? { dnssec: true } : {}),
  };
}

/** `192.0.2.1,port=5353,key=NAME` */
function peerOf(text: string): IZonePeer {
  const [address = '', ...rest] = text.split(',');
  const peer: IZonePeer = { address };
  for (const part of rest) {
    const [, name, value = ''] = /^(port|key)=(.+)$/.exec(part) ?? [];
    if (name === 'port' && /^\d{1,5}$/.test(value)) peer.port = Number(value);
    else if (name === 'key') peer.key = value;
    else throw new UsageError(`"${text}" must be ADDRESS[,port=N][,key=NAME]`);
  }
  return peer;
}

function zoneTable(zones: readonly IZoneInfo[], output: Output): string[] {
  const rows = zones.map((zone): TCell[] => [
    zone.id,
    zone.kind,
    stateOf(zone),
    zone.serial === null ? '-' : String(zone.serial),
    amount(zone.records),
    amount(zone.changed),
    zone.dnssec ? { text: 'signed', style: 'green' } : '-',
    zone.origin,
  ]);
  const head = ['ZONE', 'KIND', 'STATE', 'SERIAL', 'RECORDS', 'CHANGED', 'DNSSEC', 'ORIGIN'];
  const warnings = zones.flatMap(({ id, warnings }) => warnings.map((text) => `${id}: ${text}`));
  return [...output.table(head, rows), ...warned(warnings, output)];
}

function zoneLines(zone: IZoneView, output: Output): string[] {
  const { options } = zone;
  const peers = (list: readonly IZonePeer[] = []): string => list.map(spellPeer).join(' ') || '-';
  const when = (time: string | null): string => time?.slice(0, 19).replace('T', ' ') ?? '-';
  const lines = output.pairs([
    ['Zone', { text: zone.id, style: 'bold' }],
    ['Kind', zone.kind],
    ['State', stateOf(zone)],
    ['Serial', zone.serial === null ? '-' : String(zone.serial)],
    ['Records', `${amount(zone.records)}, ${amount(zone.changed)} record sets changed`],
    ['Origin', zone.origin],
    ['DNSSEC', zone.dnssec ? 'signed (dcrouter dns dnssec show)' : '-'],
    ...(options.file === undefined ? [] : [['File', options.file] as const]),
    ['Transfer', options.transfer?.join(' ') || '-'],
    ['Notify', peers(options.notify)],
    ...(zone.kind === 'primary'
      ? []
      : ([
          ['Primaries', peers(options.primaries)],
          ['Checked', `${when(zone.checkedAt)} with ${zone.checkedWith ?? '-'}`],
          ['Refresh', when(zone.refreshAt)],
          ['Expires', when(zone.expireAt)],
        ] as const)),
  ]);
  return [...lines, ...warned(zone.warnings, output)];
}

function warned(warnings: readonly string[], output: Output): string[] {
  if (warnings.length === 0) return [];
  return ['', ...warnings.map((text) => output.styled(text, 'yellow'))];
}

function spellPeer({ address, port = 53, key }: IZonePeer): string {
  const place = port === 53 ? address : `${address},port=${port}`;
  return key === undefined ? place : `${place},key=${key}`;
}

function stateOf({ state, warnings }: IZoneInfo): TCell {
  if (state !== 'serving') return { text: state, style: 'red' };
  return warnings.length > 0
    ? { text: 'serving, see below', style: 'yellow' }
    : { text: state, style: 'green' };
}
