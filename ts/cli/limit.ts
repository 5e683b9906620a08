import type { ILimitInfo, IRateLimit } from '../../ts_interfaces/index.ts';
import { type IArguments, type IContext, type TCommandRun, UsageError } from './command.ts';
import { readDataFile } from './data-file.ts';
import { amount } from './format.ts';
import { type Output, savedLine } from './output.ts';

const limitFlags = ['requests', 'window', 'burst', 'key', 'prefix4', 'prefix6'];

/** `dcrouter limit list` */
export const list: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const limits = await api.all<ILimitInfo>('/limits');
  output.show(limits, () => {
    if (limits.length === 0) return ['There are no rate limits'];
    const rows = limits.map((one) => [
      one.name,
      rateOf(one.limit),
      keyOf(one.limit),
      amount(one.keys),
      amount(one.allowed),
      amount(one.refused),
      amount(one.routes.length),
      one.origin,
    ]);
    const head = ['NAME', 'RATE', 'KEY', 'KEYS', 'ALLOWED', 'REFUSED', 'ROUTES', 'ORIGIN'];
    return output.table(head, rows);
  });
  return 0;
};

/** `dcrouter limit show NAME` */
export const show: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  const limit = await api.call<ILimitInfo>('GET', `/limits/${segment(given)}`);
  output.show(limit, () => limitLines(limit, output));
  return 0;
};

/** `dcrouter limit set NAME` */
export const set: TCommandRun = async (context) => {
  const { client, arguments: given, output } = context;
  const limit = await limitOf(context);
  const api = await client();
  const { item, created } = await api.save<ILimitInfo>('PUT', `/limits/${segment(given)}`, limit);
  output.show(item, () => [`${savedLine(output, created, item.name)}: ${rateOf(item.limit)}`]);
  return 0;
};

/** `dcrouter limit remove NAME` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const api = await client();
  await api.call('DELETE', `/limits/${segment(given)}`);
  const [removed = ''] = given.positionals;
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};

function limitLines(found: ILimitInfo, output: Output): string[] {
  const { name, limit, origin, keys, allowed, refused, routes } = found;
  return output.pairs([
    ['Limit', { text: name, style: 'bold' }],
    ['Rate', rateOf(limit)],
    ['Burst', amount(limit.burst ?? limit.requests)],
    ['Key', keyOf(limit)],
    ['Origin', origin],
    ['Keys', amount(keys)],
    ['Requests', `${amount(allowed)} let through, ${amount(refused)} refused`],
    ['Routes', routes.join(' ') || '-'],
  ]);
}

function rateOf({ requests, windowSeconds = 1 }: IRateLimit): string {
  return `${amount(requests)} in ${amount(windowSeconds)} s`;
}

function keyOf({ key = 'address' }: IRateLimit): string {
  return typeof key === 'string' ? key : `header ${key.header}`;
}

async function limitOf({ arguments: given, terminal }: IContext): Promise<unknown> {
  const file = given.value('file');
  if (file !== undefined) {
    const extra = limitFlags.find((name) => given.has(name));
    if (extra !== undefined) throw new UsageError(`--${extra} cannot stand beside --file`);
    return await readDataFile(file, terminal);
  }
  const requests = numberOf(given, 'requests');
  if (requests === undefined) throw new UsageError('--requests is missing (or --file)');
  const key = given.value('key');
  const limit = {
    requests,
    windowSeconds: numberOf(given, 'window'),
    burst: numberOf(given, 'burst'),
    key: key?.startsWith('header:') ? { header: key.slice('header:'.length) } : key,
    prefix4: numberOf(given, 'prefix4'),
    prefix6: numberOf(given, 'prefix6'),
  };
  return limit;
}

/** The router says which numbers it takes. */
function numberOf(given: IArguments, name: string): number | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number, not "${text}"`);
}

function segment(given: IArguments): string {
  return encodeURIComponent(given.positionals[0] ?? '');
}
