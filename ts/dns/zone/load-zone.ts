import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type IIncludedFile, type IMasterFileOptions, readMasterFile } from './master-file.ts';
import { fileBytesMax } from './master-limits.ts';
import { runSteps, runStepsGently } from './steps.ts';
import type { Zone } from './zone.ts';
import { type TRecordPlaces, ZoneBuilder } from './zone-builder.ts';
import { ZoneProblems } from './zone-problem.ts';

/** How a zone is loaded from a master file. */
export interface ILoadOptions extends IMasterFileOptions {
  /** In wire form. @default `origin` */
  readonly apex?: Buffer;
}

/** What came of it. */
export interface IZoneLoad {
  /** Null when the problems have an error: whatever was served before goes on being served. */
  readonly zone: Zone | null;
  readonly problems: ZoneProblems;
  /** Lines of the records, for `checkZone`; keeps the memory of the load alive. */
  readonly placeOf: TRecordPlaces;
}

/** Makes a zone of a master file in one go; never throws for what is wrong with the file. */
export function loadZone(text: string | Buffer, options: ILoadOptions): IZoneLoad {
  return runSteps(loadInSteps(text, options));
}

/** The same for big files in a busy process: pauses every few milliseconds. */
export function loadZoneGently(text: string | Buffer, options: ILoadOptions): Promise<IZoneLoad> {
  return runStepsGently(loadInSteps(text, options));
}

/**
 * Loads a zone file from the disk, gently, with the files that it includes.
 *
 * @param apex in wire form.
 * @throws the error of the system when the file itself cannot be read.
 */
export async function loadZoneFile(
  path: string,
  apex: Buffer,
  options: Partial<ILoadOptions> = {},
): Promise<IZoneLoad> {
  const text = await readZoneFile(path);
  const defaults = { origin: apex, fileName: path, readInclude: readIncludedFile };
  return loadZoneGently(text, { ...defaults, ...options });
}

/**
 * Reads what a `$INCLUDE` names: relative to the folder of the file that includes it, not to a
 * folder of the server as with BIND.
 *
 * @throws the error of the system.
 */
export function readIncludedFile(name: string, from: string | undefined): IIncludedFile {
  const path = from === undefined ? name : resolve(dirname(from), name);
  const file = openSync(path, openFlags);
  try {
    checkFile(fstatSync(file));
    return { text: readFileSync(file), fileName: path };
  } finally {
    closeSync(file);
  }
}

/** Reads a zone file. @throws the error of the system, or one that says that it is no such file. */
export async function readZoneFile(path: string): Promise<Buffer> {
  const file = await open(path, openFlags);
  try {
    checkFile(await file.stat());
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** To open a FIFO takes until somebody writes to it, else. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** A device or FIFO may have no end. */
function checkFile(stats: Stats): void {
  if (!stats.isFile()) throw new Error('It is no regular file');
  if (stats.size > fileBytesMax) throw new Error(`It has more than ${fileBytesMax} bytes`);
}

function* loadInSteps(text: string | Buffer, options: ILoadOptions): Generator<void, IZoneLoad> {
  const problems = new ZoneProblems();
  const builder = new ZoneBuilder(options.apex ?? options.origin, problems, options.fileName);
  yield* readMasterFile(text, options, problems, (record) => builder.add(record));
  const zone = yield* builder.finish();
  return { zone, problems, placeOf: builder.placeOf };
}
