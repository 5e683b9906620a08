import type { IAddressListInfo } from '../../ts_interfaces/index.ts';
import type { IAddressListChange, TAddressListSummary } from '../api/access-service.ts';
import { parseAddressFile } from '../net/address-list.ts';
import { ApiProblem } from './client.ts';
import { type IArguments, type TCommandRun, UsageError } from './command.ts';
import { readAll, readTextFile } from './data-file.ts';
import { amount, plural } from './format.ts';
import { savedLine } from './output.ts';

/** `dcrouter access list` */
export const list: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const lists = await api.all<TAddressListSummary>('/access');
  output.show(lists, () => {
    if (lists.length === 0) return ['There are no address lists'];
    const rows = lists.map(({ name, ranges, origin }) => [name, amount(ranges), origin]);
    return output.table(['NAME', 'RANGES', 'ORIGIN'], rows);
  });
  return 0;
};

/** `dcrouter access show NAME`: for people an address a line, as `access set` reads it. */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const found = await api.call<IAddressListInfo>('GET', `/access/${segment(given)}`);
  output.show(found, () => found.addresses);
  return 0;
};

/** `dcrouter access add NAME ADDRESS...`: makes the list when there is none. */
export const add: TCommandRun = async ({ client, arguments: given, output }) => {
  const addresses = given.positionals.slice(1);
  const api = await client();
  const path = `/access/${segment(given)}`;
  try {
    const body = { add: addresses };
    const done = await api.call<IAddressListChange>('POST', `${path}/addresses`, { body });
    output.show(done, () => [changeLine(done)]);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.code !== 'ACCESS_UNKNOWN') throw error;
    const { item } = await api.save<TAddressListSummary>('PUT', path, { addresses });
    const done = { ...item, added: item.ranges, removed: 0 };
    output.show(done, () => [changeLine(done)]);
  }
  return 0;
};

/** `dcrouter access remove NAME ADDRESS...`, `dcrouter access remove NAME --list` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const [removed = '', ...addresses] = given.positionals;
  const isList = given.has('list');
  if (isList === addresses.length > 0) {
    throw new UsageError(
      'Name the addresses to take out, or give --list to remove the list itself',
    );
  }
  const api = await client();
  const path = `/access/${segment(given)}`;
  if (isList) {
    await api.call('DELETE', path);
    output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
    return 0;
  }
  const body = { remove: addresses };
  const done = await api.call<IAddressListChange>('POST', `${path}/addresses`, { body });
  output.show(done, () => [changeLine(done)]);
  return 0;
};

/** `dcrouter access set NAME FILE`: what the file says, and nothing else. */
export const set: TCommandRun = async ({ client, arguments: given, output, terminal }) => {
  const [, file = ''] = given.positionals;
  const text = file === '-' ? await readAll(terminal.stdin) : await readTextFile(file);
  const addresses = parseAddressFile(text, file === '-' ? 'standard input' : file);
  const api = await client();
  const path = `/access/${segment(given)}`;
  const { item, created } = await api.save<TAddressListSummary>('PUT', path, { addresses });
  output.show(item, () => [
    `${savedLine(output, created, item.name)} with ${plural(item.ranges, 'range')}`,
  ]);
  return 0;
};

/** `dcrouter access check ADDRESS` */
export const check: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const query = { address: given.positionals[0] };
  const found = await api.call<{ address: string; lists: string[] }>('GET', '/access/check', {
    query,
  });
  output.show(found, () => (found.lists.length === 0 ? ['It is in no list'] : found.lists));
  return 0;
};

function changeLine({ name, ranges, added, removed }: IAddressListChange): string {
  return `${name}: ${amount(added)} added, ${amount(removed)} removed, ${plural(ranges, 'range')} in it`;
}

function segment(given: IArguments): string {
  return encodeURIComponent(given.positionals[0] ?? '');
}
