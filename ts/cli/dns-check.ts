import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readName } from '../api/record-text.ts';
import type { IZoneCheck } from '../api/zone-check.ts';
import { checkMasterFile } from '../api/zone-check.ts';
import { escapeControls } from '../core/text.ts';
import { formatName, lowerName } from '../dns/codec/name.ts';
import { readIncludedFile } from '../dns/zone/load-zone.ts';
import type { Zone } from '../dns/zone/zone.ts';
import { ZoneProblems } from '../dns/zone/zone-problem.ts';
import { type IArguments, type ITerminal, type TCommandRun, UsageError } from './command.ts';
import { readAllBytes } from './data-file.ts';
import { plural } from './format.ts';
import type { Output } from './output.ts';

/** Endings of the names of zone files. */
const zoneFileEnding = /\.(?:zone|db|dns|txt|hosts)$/i;

/** `dcrouter dns check FILE`: works without a router. Exit code 1 when there are errors. */
export const check: TCommandRun = async ({ arguments: given, output, terminal }) => {
  const [file = ''] = given.positionals;
  const text = await readZoneFile(file, terminal);
  const origin = originOf(given, file, text);
  const previous = await previousOf(given, terminal, origin);
  const { zone: _zone, ...found } = await checkMasterFile(text, {
    origin,
    fileName: file === '-' ? 'standard input' : file,
    readInclude: readIncludedFile,
    previous,
  });
  output.show(found, () => checkLines(found, output));
  return found.errors > 0 ? 1 : 0;
};

/** A zone file, or standard input (`-`), as bytes. @throws errors of the file system. */
export async function readZoneFile(file: string, { stdin }: ITerminal): Promise<Buffer> {
  if (file === '-') return await readAllBytes(stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { path: file }) : error;
  }
}

/** Lines about what was found, as named-checkzone writes them. */
export function checkLines(found: IZoneCheck, output: Output): string[] {
  const lines = found.problems.map((problem) => {
    const text = ZoneProblems.format(problem);
    return output.styled(text, problem.severity === 'error' ? 'red' : 'yellow');
  });
  const hidden = found.errors + found.warnings - found.problems.length;
  if (hidden > 0) lines.push(`and ${plural(hidden, 'more problem')}`);
  const counts = [
    ...(found.errors === 0 ? [] : [plural(found.errors, 'error')]),
    ...(found.warnings === 0 ? [] : [plural(found.warnings, 'warning')]),
  ];
  const what = `${plural(found.records, 'record')}, serial ${found.serial ?? 'none'}`;
  const verdict = found.errors > 0 ? counts.join(', ') : ['good', ...counts].join(', ');
  return [...lines, escapeControls(`zone ${found.origin}: ${what}: ${verdict}`)];
}

/** The zone's name: `--origin`, an absolute `$ORIGIN` before the first record, or the file's name. */
function originOf(given: IArguments, file: string, text: Buffer): Buffer {
  const told = given.value('origin') ?? firstOrigin(text) ?? nameOfFile(file);
  const name = told === undefined ? undefined : readName(told);
  if (Buffer.isBuffer(name)) return lowerName(name);
  if (told === undefined) throw new UsageError('--origin is missing: the name of the zone');
  const why = name === undefined ? '' : `: ${name.problem}`;
  throw new UsageError(`"${told}" is no name of a zone${why} (say it with --origin)`);
}

function firstOrigin(text: Buffer): string | undefined {
  for (const line of text.toString('latin1', 0, 65_536).split(/\r?\n/)) {
    const [, origin] = /^\$ORIGIN\s+([^\s;]+\.)\s*(?:;|$)/i.exec(line) ?? [];
    if (origin !== undefined) return origin;
    // The first record: its owner is relative to what was said before.
    if (!/^\s*(?:;|$)|^\$/.test(line)) return undefined;
  }
  return undefined;
}

function nameOfFile(file: string): string | undefined {
  if (file === '-') return undefined;
  return path.basename(file).replace(zoneFileEnding, '');
}

async function previousOf(
  given: IArguments,
  terminal: ITerminal,
  origin: Buffer,
): Promise<Zone | undefined> {
  const file = given.value('previous');
  if (file === undefined) return undefined;
  const text = await readZoneFile(file, terminal);
  const how = { origin, fileName: file, readInclude: readIncludedFile };
  const { zone } = await checkMasterFile(text, how);
  if (zone !== null) return zone;
  throw new UsageError(`"${file}" is no zone ${formatName(origin)}: check it first`);
}
