import type { IDnssecOptions } from '../../ts_interfaces/index.ts';
import type { IDnssecView } from '../api/dnssec-service.ts';
import { type IArguments, type TCommandRun, UsageError } from './command.ts';
import { zoneNameOf, zonePath } from './dns-words.ts';
import type { Output, TCell } from './output.ts';

const roles = ['ksk', 'zsk', 'csk'];

/** `dcrouter dns dnssec show ZONE` */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const found = await api.call<IDnssecView>('GET', dnssecPath(given));
  output.show(found, () => dnssecLines(found, output));
  return 0;
};

/** `dcrouter dns dnssec enable ZONE`: options that are not given stay as they are. */
export const enable: TCommandRun = async ({ client, arguments: given, output }) => {
  const body = optionsOf(given);
  const api = await client();
  const found = await api.call<IDnssecView>('PATCH', dnssecPath(given), { body });
  output.show(found, () => dnssecLines(found, output));
  return 0;
};

/** `dcrouter dns dnssec disable ZONE` */
export const disable: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const found = await api.call<IDnssecView>('DELETE', dnssecPath(given));
  output.show(found, () => dnssecLines(found, output));
  return 0;
};

/** `dcrouter dns dnssec roll ZONE ROLE` */
export const roll: TCommandRun = async ({ client, arguments: given, output }) => {
  const [, word = ''] = given.positionals;
  const role = word.toLowerCase();
  if (!roles.includes(role)) throw new UsageError(`ROLE is ksk, zsk or csk, not "${word}"`);
  const api = await client();
  const body = { role };
  const found = await api.call<IDnssecView>('POST', `${dnssecPath(given)}/roll`, { body });
  output.show(found, () => dnssecLines(found, output));
  return 0;
};

/** `dcrouter dns dnssec ds ZONE [DS...]`: what the parent should have; or says what it has. */
export const ds: TCommandRun = async ({ client, arguments: given, output }) => {
  const told = given.positionals.slice(1);
  const isSeen = given.has('published');
  if (isSeen && told.length > 0) throw new UsageError('--published stands for the DS: name none');
  const api = await client();
  const found = await api.call<IDnssecView>('GET', dnssecPath(given));
  if (!isSeen && told.length === 0) {
    output.show(found.ds, () => dsLines(found));
    return 0;
  }
  const body = { ds: isSeen ? found.ds : told };
  const after = await api.call<IDnssecView>('POST', `${dnssecPath(given)}/ds`, { body });
  output.show(after, () => dnssecLines(after, output));
  return 0;
};

function dnssecPath(given: IArguments): string {
  return `${zonePath(given)}/dnssec`;
}

function optionsOf(given: IArguments): IDnssecOptions {
  const [algorithm, keys, denial] = [
    given.value('algorithm') as IDnssecOptions['algorithm'],
    given.value('keys') as IDnssecOptions['keys'],
    given.value('denial') as IDnssecOptions['denial'],
  ];
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(keys === undefined ? {} : { keys }),
    ...(denial === undefined ? {} : { denial }),
  };
}

/** Lines of a master file for the parent. */
function dsLines({ zone, ds: records }: IDnssecView): string[] {
  if (records.length === 0) return ['The zone has no DS'];
  const owner = `${zoneNameOf(zone)}.`;
  return records.map((record) => `${owner} IN DS ${record}`);
}

function dnssecLines(found: IDnssecView, output: Output): string[] {
  const state: TCell = found.withdrawing
    ? { text: 'signed until nobody has its DS any more', style: 'yellow' }
    : found.enabled
      ? { text: 'signed', style: 'green' }
      : 'not signed';
  const lines = output.pairs([
    ['Zone', { text: found.zone, style: 'bold' }],
    ['State', state],
    ...(found.denial === null ? [] : [['Denial', found.denial] as const]),
  ]);
  if (found.keys.length === 0) return lines;
  const rows = found.keys.map((key): TCell[] => [
    key.id,
    key.role.toUpperCase(),
    key.waitsForDs ? { text: `${key.state}, waits for its DS`, style: 'yellow' } : key.state,
    key.algorithm,
    String(key.tag),
    key.createdAt.slice(0, 10),
  ]);
  const table = output.table(['KEY', 'ROLE', 'STATE', 'ALGORITHM', 'TAG', 'CREATED'], rows);
  const parent = found.ds.length === 0 ? [] : ['', 'For the parent:', ...dsLines(found)];
  return [...lines, '', ...table, ...parent];
}
