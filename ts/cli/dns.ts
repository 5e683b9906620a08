import type { IDnsStats } from '../../ts_interfaces/index.ts';
import type { ICacheEntryInfo } from '../dns/plane/types.ts';
import { type TCommandRun, UsageError } from './command.ts';
import { amount, bytes, plural } from './format.ts';
import type { Output, TCell } from './output.ts';

/** Answers of the cache that are shown. */
const entriesMax = 1_000;

/** `dcrouter dns flush [NAME]` */
export const flush: TCommandRun = async ({ client, arguments: given, output }) => {
  const [name] = given.positionals;
  if (name === undefined && given.has('below')) throw new UsageError('--below needs a NAME');
  const api = await client();
  const query = { name, below: given.has('below') ? 'true' : undefined };
  const done = await api.call<{ flushed: number }>('DELETE', '/dns/cache', { query });
  output.show(done, () => [`${plural(done.flushed, 'answer')} forgotten`]);
  return 0;
};

/** `dcrouter dns cache [NAME] [TYPE]` */
export const cache: TCommandRun = async ({ client, arguments: given, output }) => {
  const [name, type] = given.positionals;
  const api = await client();
  const below = given.has('below') ? 'true' : undefined;
  const query = { name, type, below, limit: entriesMax };
  const page = await api.call<{ items: ICacheEntryInfo[]; total: number }>('GET', '/dns/cache', {
    query,
  });
  output.show(page.items, () => {
    if (page.items.length === 0) return ['The cache has no such answers'];
    const hidden = page.total - page.items.length;
    const more = hidden > 0 ? [`and ${amount(hidden)} more: name what you look for`] : [];
    return [...cacheTable(page.items, output), ...more];
  });
  return 0;
};

/** `dcrouter dns stats` */
export const stats: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const found = await api.call<IDnsStats>('GET', '/dns/stats');
  output.show(found, () => statsLines(found, output));
  return 0;
};

function cacheTable(entries: readonly ICacheEntryInfo[], output: Output): string[] {
  const rows = entries.map((entry): TCell[] => [
    entry.name,
    entry.type ?? 'any',
    entry.rcode,
    entry.ttl < 0 ? { text: `expired ${-entry.ttl} s ago`, style: 'yellow' } : `${entry.ttl} s`,
    entry.security,
    amount(entry.hits),
    entry.records
      .slice(0, 3)
      .map(({ type, data }) => `${type} ${data}`)
      .join(', ') + (entry.records.length > 3 ? ` +${entry.records.length - 3}` : ''),
  ]);
  return output.table(['NAME', 'TYPE', 'ANSWER', 'TTL', 'DNSSEC', 'HITS', 'RECORDS'], rows);
}

function statsLines(found: IDnsStats, output: Output): string[] {
  const counts = (record: Readonly<Record<string, number>>): string => {
    const some = Object.entries(record).filter(([, count]) => count > 0);
    const sorted = some.sort(([, one], [, other]) => other - one).slice(0, 10);
    return sorted.map(([name, count]) => `${name} ${amount(count)}`).join('  ') || '-';
  };
  const { cache: held, transfers, updates, topNames } = found;
  const lines = output.pairs([
    ['Queries/s', { text: amount(found.queriesPerSecond), style: 'bold' }],
    ['Queries', counts(found.queries)],
    ['Answers', counts(found.rcodes)],
    ['Types', counts(found.types)],
    ['Truncated', amount(found.truncated)],
    ['Rate limit', `${amount(found.rateLimited)} held back, ${amount(found.slipped)} cut short`],
    ['Dropped', amount(found.dropped)],
    ['Faults', found.faults > 0 ? { text: amount(found.faults), style: 'red' } : '0'],
    ['Zones', `${amount(found.zones)} with ${plural(found.records, 'record')}`],
    ['Connections', amount(found.connections)],
    [
      'Cache',
      `${plural(held.entries, 'answer')}, ${bytes(held.bytes)}, ${amount(held.hitRate * 100)} % hits, ` +
        `${amount(held.stale)} stale, ${amount(held.prefetches)} fetched ahead`,
    ],
    [
      'Transfers',
      `${amount(transfers.out)} out, ${amount(transfers.in)} in, ${amount(transfers.failed)} failed`,
    ],
    ['Updates', `${amount(updates.applied)} applied, ${amount(updates.refused)} refused`],
  ]);
  if (topNames.length === 0) return lines;
  const rows = topNames.map(({ name, count }) => [name, amount(count)]);
  return [...lines, '', ...output.table(['ASKED MOST', 'COUNT'], rows)];
}
