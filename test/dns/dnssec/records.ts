import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IRecord } from '../../../ts/dns/codec/message.ts';
import { parseName } from '../../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../../ts/dns/codec/rdata.ts';
import { tokensOf } from '../../../ts/dns/codec/tokens.ts';
import { recordTypeOf } from '../../../ts/dns/codec/types.ts';

/** Text of a file beside this one. */
export function fixture(file: string): string {
  return readFileSync(join(import.meta.dirname, file), 'utf8');
}

/** One record of `owner [TTL] IN TYPE data` with absolute names. */
export function recordOf(line: string): IRecord {
  const [, owner = '', ttl = '3600', typeText = '', data = ''] =
    /^(\S+)\s+(?:(\d+)\s+)?IN\s+(\S+)\s*(.*)$/.exec(line) ?? [];
  const type = recordTypeOf(typeText) ?? 0;
  const rdata = rdataCodec(type).parse(tokensOf(data), parseName('.'));
  return { name: parseName(owner), type, class: 1, ttl: Number(ttl), rdata };
}

/** The records of a text with one on each line. */
export function recordsOf(text: string): IRecord[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map(recordOf);
}

/** A moment as `2026-01-15T00:00:00Z` in seconds since the epoch. */
export function secondsOf(moment: string): number {
  return Date.parse(moment) / 1000;
}
