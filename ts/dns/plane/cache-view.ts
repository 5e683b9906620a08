import type { IClock } from '../../core/clock.ts';
import { equalNames, formatName, isSubdomain } from '../codec/name.ts';
import { rcodeName, recordTypeName } from '../codec/types.ts';
import type { ICacheEntry } from '../resolver/index.ts';
import { readNameText, readTypeText, recordText } from './asked-text.ts';
import type { ResolverService } from './resolver-service.ts';
import type { ICacheEntryInfo, ICacheQuery, IDnsCache } from './types.ts';

const limitDefault = 100;
const limitMax = 1000;

/** The resolver's cache, for people. */
export class CacheView implements IDnsCache {
  private readonly service: ResolverService;
  private readonly clock: IClock;

  constructor(service: ResolverService, clock: IClock) {
    this.service = service;
    this.clock = clock;
  }

  look(query: ICacheQuery = {}): { entries: readonly ICacheEntryInfo[]; total: number } {
    const { offset = 0, limit = limitDefault, below = false } = query;
    const name = query.name === undefined ? null : readNameText(query.name);
    const type = query.type === undefined ? null : readTypeText(query.type);
    const end = offset + Math.min(limit, limitMax);
    const entries: ICacheEntryInfo[] = [];
    let total = 0;
    for (const entry of this.service.current.cache.list()) {
      // That a name does not exist is an answer for each type.
      if (type !== null && entry.type !== type && entry.type !== 0) continue;
      if (name !== null && !isOf(entry, name, below)) continue;
      if (total >= offset && total < end) entries.push(this.infoOf(entry));
      total++;
    }
    return { entries, total };
  }

  flush({ name, below = false }: { name?: string; below?: boolean } = {}): number {
    const { current } = this.service;
    return name === undefined ? current.flush() : current.flush(readNameText(name), below);
  }

  private infoOf(entry: ICacheEntry): ICacheEntryInfo {
    const { packed, type, checkingDisabled, hits } = entry;
    const { answer, authority } = this.service.current.cache.answerOf(entry);
    return {
      name: formatName(entry.name),
      type: type === 0 ? null : recordTypeName(type),
      rcode: rcodeName(packed.rcode),
      ttl: Math.ceil((entry.expiresMs - this.clock.monotonic()) / 1000),
      security: packed.security,
      checkingDisabled,
      hits,
      records: [...answer, ...authority].map(recordText),
    };
  }
}

function isOf(entry: ICacheEntry, name: Buffer, below: boolean): boolean {
  const own = entry.name;
  return below ? isSubdomain(own, name) : equalNames(own, name);
}
