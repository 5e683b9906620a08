/** What words of the command line say about zones. */
import { readName } from '../api/record-text.ts';
import { lowerName } from '../dns/codec/name.ts';
import { type IArguments, UsageError } from './command.ts';

/** The path of the zone that the first word names. */
export function zonePath(given: IArguments): string {
  return `/dns/zones/${encodeURIComponent(given.positionals[0] ?? '')}`;
}

/** The name in the id of a zone, without its trailing dot; of the root it is empty. */
export function zoneNameOf(id: string): string {
  return withoutView(id).replace(/\.$/, '');
}

/** The name of a zone, in wire form, by its id. @throws UsageError when it is none. */
export function apexOf(id: string): Buffer {
  const read = readName(withoutView(id));
  if (Buffer.isBuffer(read)) return lowerName(read);
  throw new UsageError(`"${id}" is no zone: ${read.problem}`);
}

/** What `--ttl` says, in seconds; nothing where it is not given. @throws UsageError */
export function ttlOf(given: IArguments): { ttl?: number } {
  const text = given.value('ttl');
  if (text === undefined) return {};
  if (/^\d{1,10}$/.test(text)) return { ttl: Number(text) };
  throw new UsageError(`--ttl must be a number of seconds, not "${text}"`);
}

function withoutView(id: string): string {
  return id.replace(/@.*$/s, '');
}
