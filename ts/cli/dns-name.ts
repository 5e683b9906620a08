import { readName } from '../api/record-text.ts';
import { lowerName } from '../dns/codec/name.ts';
import { UsageError } from './command.ts';

/** The name of a zone, in wire form, by its id. @throws UsageError when it is none. */
export function apexOf(zone: string): Buffer {
  const name = zone.replace(/@.*$/s, '');
  const read = readName(name);
  if (Buffer.isBuffer(read)) return lowerName(read);
  throw new UsageError(`"${zone}" is no zone: ${read.problem}`);
}
