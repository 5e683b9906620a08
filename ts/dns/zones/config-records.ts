import type { IZoneOptions, IZoneRecord } from '../../../ts_interfaces/index.ts';
import type { IProblem } from '../../core/errors.ts';
import { lowerName, NameError, parseName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { RdataError, tokensOf } from '../codec/tokens.ts';
import { isMetaType, recordType, recordTypeOf } from '../codec/types.ts';
import { type IMasterRecord, readMasterFile } from '../zone/master-file.ts';
import type { ZoneProblems } from '../zone/zone-problem.ts';
import { defaultTtlS } from './made-records.ts';
import type { IHealthRecordSet } from './stages.ts';

/** What stands for the name of a file in problems of records: no file can have such a name. */
const linesFile = '\0lines';
const setsFile = '\0records';

/** The records that a zone's options hold, read. */
export interface IConfigRecords {
  readonly health: readonly IHealthRecordSet[];
  /** Brings a problem of one of them to its place, e.g. `records[3]`. */
  place(problem: IProblem): IProblem;
}

/**
 * Reads the `records` of a zone: the texts together as one master file without `$INCLUDE`, and the
 * record sets.
 *
 * @param take gets each record.
 * @param problems gets what is wrong; `place` says where it is.
 */
export function* readConfigRecords(
  apex: Buffer,
  { records = [], ttl = defaultTtlS }: IZoneOptions,
  problems: ZoneProblems,
  take: (record: IMasterRecord) => void,
): Generator<void, IConfigRecords> {
  // The first line is ours; after it, which item a line belongs to.
  const itemOfLine: number[] = [0];
  let text = `$TTL ${ttl}\n`;
  const health: IHealthRecordSet[] = [];
  for (const [index, record] of records.entries()) {
    if (typeof record !== 'string') continue;
    text += `${record}\n`;
    for (let count = record.split('\n').length; count > 0; count--) itemOfLine.push(index);
  }
  yield* readMasterFile(text, { origin: apex, fileName: linesFile }, problems, take);
  for (const [index, record] of records.entries()) {
    if (typeof record === 'string') continue;
    const set = readSet(record, { apex, ttl, index }, problems, take);
    if (set !== undefined) health.push(set);
  }
  return { health, place: (problem) => placed(problem, itemOfLine) };
}

function placed(problem: IProblem, itemOfLine: readonly number[]): IProblem {
  const { file, line = 1, column, path, message, ...rest } = problem;
  if (file !== linesFile && file !== setsFile) return problem;
  const index = file === linesFile ? (itemOfLine[line - 1] ?? itemOfLine.at(-1) ?? 0) : line - 1;
  // What a part of a set is called has no blank, what an owner and type are called has.
  const isMember = file === setsFile && path.startsWith('.');
  const owner = isMember || path === '' ? '' : `${path}: `;
  const place = file === linesFile ? placeInText(line, column, itemOfLine) : {};
  return {
    ...rest,
    ...place,
    path: `records[${index}]${isMember ? path : ''}`,
    message: owner + message,
  };
}

/** Where in an item of several lines; one that is a single line needs no more than its index. */
function placeInText(
  line: number,
  column: number | undefined,
  itemOfLine: readonly number[],
): Pick<IProblem, 'line' | 'column'> {
  const item = itemOfLine[line - 1];
  // The first line of all is ours, and counts as one of the first item.
  const first = item === 0 ? 1 : itemOfLine.indexOf(item ?? -1);
  const isSingle = item === undefined || itemOfLine.lastIndexOf(item) === first;
  if (isSingle) return {};
  return { line: line - first, ...(column === undefined ? {} : { column }) };
}

function readSet(
  record: IZoneRecord,
  { apex, ttl, index }: { apex: Buffer; ttl: number; index: number },
  problems: ZoneProblems,
  take: (record: IMasterRecord) => void,
): IHealthRecordSet | undefined {
  const place = { file: setsFile, line: index + 1 };
  const refuse = (path: string, message: string, value?: unknown): undefined => {
    problems.add('error', () => ({ path, message, value, ...place }));
  };
  const type = recordTypeOf(record.type);
  if (type === undefined || type === 0 || isMetaType(type)) {
    return refuse('.type', 'Expected a type that a zone can hold', record.type);
  }
  let name: Buffer;
  try {
    name = record.name === '@' ? apex : parseName(record.name, apex);
  } catch (error) {
    if (!(error instanceof NameError)) throw error;
    return refuse('.name', error.message, record.name);
  }
  const set = { name: lowerName(name), type, ttl: record.ttl ?? ttl };
  if (record.health !== undefined) {
    const isAddress = type === recordType.A || type === recordType.AAAA;
    if (!isAddress) return refuse('.health', 'Expected the type A or AAAA with it', record.type);
    return { ...set, health: record.health };
  }
  const { data = [] } = record;
  for (const [at, text] of (typeof data === 'string' ? [data] : data).entries()) {
    try {
      take({ ...set, name, rdata: rdataCodec(type).parse(tokensOf(text), apex), ...place });
    } catch (error) {
      if (!(error instanceof RdataError)) throw error;
      refuse(typeof data === 'string' ? '.data' : `.data[${at}]`, error.message, text);
    }
  }
  return undefined;
}
