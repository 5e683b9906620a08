import { resolve } from 'node:path';
import type { IZoneOptions } from '../../../ts_interfaces/index.ts';
import type { IProblem } from '../../core/errors.ts';
import { recordType } from '../codec/types.ts';
import { type IMasterRecord, readMasterFile } from '../zone/master-file.ts';
import { ownerKey } from '../zone/owner-key.ts';
import { runStepsGently } from '../zone/steps.ts';
import { ZoneBuilder } from '../zone/zone-builder.ts';
import { ZoneProblems } from '../zone/zone-problem.ts';
import { type IConfigRecords, readConfigRecords } from './config-records.ts';
import { makeRecords } from './made-records.ts';
import { SourceFiles } from './source-files.ts';
import { checkLoaded, healthByKey, type IZoneBase, makeBase, zoneInvalid } from './zone-base.ts';

/** Where and when a zone is loaded. */
export interface ISourceContext {
  /** Folder that `file` is relative to. */
  readonly baseFolder: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A zone as its options say, and what it was loaded from. */
export interface IZoneSource {
  readonly base: IZoneBase;
  /** What of the options counts, and the folder. */
  readonly stamp: string;
  readonly files: SourceFiles;
}

/** Master text that came from elsewhere, with no files to include. */
const textFile = '\0text';

/**
 * Loads a primary zone from its `file` and `records`, gently.
 *
 * @throws DcError `ZONE_INVALID` with every problem, at its place in the options: `file` (with file,
 *   line and column), `records[3]`, `records[3].data`.
 */
export async function loadSource(
  apex: Buffer,
  options: IZoneOptions,
  context: ISourceContext,
): Promise<IZoneSource> {
  const files = new SourceFiles();
  const loader = new SourceLoader(apex, options, context.nowMs);
  if (options.file !== undefined) {
    await loader.readFile(resolve(context.baseFolder, options.file), files);
  }
  const base = await loader.finish('file');
  return { base, stamp: stampOf(options, context), files };
}

/** Whether the source would be loaded as it was, without a look into files that did not change. */
export async function isSameSource(
  source: IZoneSource,
  options: IZoneOptions,
  context: ISourceContext,
): Promise<boolean> {
  return source.stamp === stampOf(options, context) && (await source.files.areUnchanged());
}

/**
 * Makes the base of master text; SOA and NS come from the options where it lacks them.
 *
 * @throws DcError `ZONE_INVALID` with every problem, each with line, column and value.
 */
export async function loadText(
  apex: Buffer,
  text: string | Buffer,
  { nameservers, contact, ttl, serial, name }: IZoneOptions,
  nowMs: number,
): Promise<IZoneBase> {
  const options = {
    name,
    ...(nameservers && { nameservers }),
    ...(contact !== undefined && { contact }),
    ...(ttl !== undefined && { ttl }),
    ...(serial && { serial }),
  };
  const loader = new SourceLoader(apex, options, nowMs);
  await loader.readText(text);
  return loader.finish('api');
}

class SourceLoader {
  private readonly apex: Buffer;
  private readonly options: IZoneOptions;
  private readonly nowMs: number;
  private readonly problems = new ZoneProblems();
  private readonly builder: ZoneBuilder;
  /** Types that the apex needs and has not got yet. */
  private readonly missing = new Set<number>([recordType.SOA, recordType.NS]);
  private fileName: string | undefined;

  constructor(apex: Buffer, options: IZoneOptions, nowMs: number) {
    this.apex = apex;
    this.options = options;
    this.nowMs = nowMs;
    this.builder = new ZoneBuilder(apex, this.problems);
  }

  async readFile(path: string, files: SourceFiles): Promise<void> {
    let text: Buffer;
    try {
      text = await files.read(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `Cannot read the file: ${reason}`;
      const value = this.options.file;
      throw zoneInvalid('Cannot use this zone', [{ path: 'file', message, value }]);
    }
    this.fileName = path;
    const how = { fileName: path, readInclude: files.readInclude };
    await this.readMaster(text, how);
  }

  readText(text: string | Buffer): Promise<void> {
    return this.readMaster(text, { fileName: textFile });
  }

  async finish(origin: 'file' | 'api'): Promise<IZoneBase> {
    const { apex, options, problems, builder } = this;
    const config = await runStepsGently(
      readConfigRecords(apex, options, problems, (record) => this.take(record)),
    );
    const made = makeRecords(apex, options, this.missing, this.nowMs);
    for (const { rdatas, ...set } of made) {
      for (const rdata of rdatas) builder.add({ ...set, rdata });
    }
    const place = (problem: IProblem): IProblem => this.place(problem, config);
    const loaded = await runStepsGently(builder.finish());
    const { zone, warnings } = await checkLoaded(loaded, problems, builder.placeOf, place);
    return makeBase({
      zone,
      health: healthByKey(config.health),
      made: new Set(made.map(({ type }) => type)),
      origin,
      warnings,
    });
  }

  private async readMaster(
    text: string | Buffer,
    how: Pick<Parameters<typeof readMasterFile>[1], 'fileName' | 'readInclude'>,
  ): Promise<void> {
    const options = { origin: this.apex, fallbackTtl: this.options.ttl, ...how };
    await runStepsGently(
      readMasterFile(text, options, this.problems, (record) => this.take(record)),
    );
  }

  private take(record: IMasterRecord): void {
    const { type, name } = record;
    if (this.missing.has(type) && ownerKey(name, this.apex) === '') this.missing.delete(type);
    this.builder.add(record);
  }

  private place(problem: IProblem, config: IConfigRecords): IProblem {
    const { file, ...rest } = problem;
    if (file === textFile) return rest;
    const isOfRecords = file?.startsWith('\0') === true;
    if (isOfRecords || this.fileName === undefined) {
      return isOfRecords ? config.place(problem) : this.placeOfWhole(rest);
    }
    const owner = problem.path === '' ? '' : `${problem.path}: `;
    return { file: this.fileName, ...problem, path: 'file', message: owner + problem.message };
  }

  /** What is missing has no place but the whole. */
  private placeOfWhole({ path, message, ...rest }: IProblem): IProblem {
    const owner = path === '' ? '' : `${path}: `;
    const isText = this.options.records === undefined;
    return {
      ...rest,
      path: isText ? path : 'records',
      message: isText ? message : owner + message,
    };
  }
}

function stampOf(options: IZoneOptions, { baseFolder }: ISourceContext): string {
  const { name, file, records, nameservers, contact, ttl } = options;
  return JSON.stringify([name, file, records, nameservers, contact, ttl, baseFolder]);
}
