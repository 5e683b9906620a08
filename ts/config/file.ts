import { dirname, extname } from 'node:path';
import { DcError, type IProblem } from '../core/errors.ts';
import { expand, type IFilled, TooMuchError } from './expand.ts';
import type { IFinding } from './issues.ts';
import { type ITextFault, JsonText } from './json-text.ts';
import { LineMap } from './line-map.ts';
import { formatPath, type TPath } from './path.ts';
import { readBytes, reasonOf } from './read-bytes.ts';
import { isObject } from './schema-object.ts';
import { optionsSchema } from './schema-options.ts';
import { acceptedScalar } from './schema-walk.ts';
import type { IConfigSource, ITextPlace } from './source.ts';
import { readYaml } from './yaml-reader.ts';

/** Bytes that a configuration file may have. */
export const CONFIG_BYTES_MAX = 67_108_864;

/** A configuration file as it was read: data that nobody checked yet, and where they stand. */
export interface ILoadedConfig {
  /** The file, as it was named. */
  path: string;
  /** Data with the environment and files filled in. */
  value: unknown;
  /** To be handed to `parseOptions`. */
  source: IConfigSource;
}

/** How a configuration is read. */
export interface ILoadSettings {
  /** Variables for `${NAME}`. @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
}

/** A configuration that is text already. */
export interface ITextSettings extends ILoadSettings {
  /** Name of the file, as problems show it; `.json` makes it JSON, all else is YAML. */
  file: string;
  /** Folder that `file:` paths begin in. @default the folder of `file` */
  folder?: string;
}

/**
 * Reads a configuration file, YAML or (by its name, `.json`) JSON, and fills in `${ENV}` and
 * `file:`.
 *
 * Variables and files that are missing do not throw: `parseOptions` reports them with all other
 * problems.
 *
 * @throws DcError `CONFIG_UNREADABLE`: no such file, above 64 MiB, not UTF-8.
 * @throws DcError `CONFIG_INVALID`: the syntax is wrong; with every problem, each with its line.
 */
export async function loadConfigFile(
  path: string,
  settings: ILoadSettings = {},
): Promise<ILoadedConfig> {
  return parseConfigText(await readConfig(path), { ...settings, file: path });
}

/**
 * Reads a configuration from text. Like `loadConfigFile` otherwise.
 *
 * @throws DcError `CONFIG_INVALID`
 */
export async function parseConfigText(
  text: string,
  settings: ITextSettings,
): Promise<ILoadedConfig> {
  const { file, env = process.env, folder = dirname(file) } = settings;
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const parsed = await parseText(plain, file);
  if (parsed.faults.length > 0) throw refused(file, parsed);
  dropExtensions(parsed.value);
  const filled = await fillIn(parsed, file, { env, folder });
  return { path: file, value: parsed.value, source: new ConfigSource(file, parsed, filled) };
}

/** A parsed text; `places` makes the map of it, which a good text never needs. */
interface IParsedText {
  text: string;
  value: unknown;
  faults: readonly ITextFault[];
  places(): IPlaces;
}

interface IPlaces {
  locate(path: TPath, at: 'key' | 'value'): ITextPlace | undefined;
}

class ConfigSource implements IConfigSource {
  readonly file: string;
  readonly findings: readonly IFinding[];
  readonly #text: IParsedText;
  readonly #written: ReadonlyMap<string, string>;
  #places: IPlaces | undefined;

  constructor(file: string, text: IParsedText, filled: readonly IFilled[]) {
    this.file = file;
    this.#text = text;
    this.#written = new Map(filled.map(({ path, written }) => [formatPath(path), written]));
    this.findings = filled.flatMap(({ path, fault }) => {
      return fault === undefined ? [] : [{ path, at: 'value' as const, ...fault }];
    });
  }

  locate(path: TPath, at: 'key' | 'value'): ITextPlace | undefined {
    this.#places ??= this.#text.places();
    return this.#places.locate(path, at);
  }

  writtenAt(path: TPath): string | undefined {
    return this.#written.size === 0 ? undefined : this.#written.get(formatPath(path));
  }
}

async function readConfig(path: string): Promise<string> {
  const name = JSON.stringify(path);
  try {
    const bytes = await readBytes(path, CONFIG_BYTES_MAX);
    if (bytes !== undefined) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DcError('CONFIG_UNREADABLE', `Cannot read ${name}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  throw new DcError(
    'CONFIG_UNREADABLE',
    `Cannot read ${name}: it has more than ${CONFIG_BYTES_MAX} bytes`,
  );
}

async function parseYaml(text: string): Promise<IParsedText> {
  return { text, ...(await readYaml(text)) };
}

/**
 * `JSON.parse` is the fast one; the other reader tells of repeated keys, and what exactly is wrong.
 */
function parseJson(text: string): IParsedText {
  const places = (): IPlaces => new JsonText(text, true);
  const { faults } = new JsonText(text, false);
  return { text, value: faults.length === 0 ? JSON.parse(text) : undefined, faults, places };
}

/**
 * JSON is YAML, and read a hundred times faster as what it is, whatever the name of the file says.
 */
async function parseText(text: string, file: string): Promise<IParsedText> {
  if (extname(file).toLowerCase() === '.json') return parseJson(text);
  if (!/^\s*\{/.test(text)) return parseYaml(text);
  const json = parseJson(text);
  return json.faults.length === 0 ? json : parseYaml(text);
}

async function fillIn(
  parsed: IParsedText,
  file: string,
  settings: Parameters<typeof expand>[1],
): Promise<IFilled[]> {
  try {
    const filled = await expand(parsed.value, settings);
    for (const place of filled) giveKind(place, parsed.value);
    return filled;
  } catch (error) {
    if (!(error instanceof TooMuchError)) throw error;
    const problem = { path: formatPath(error.path), message: error.message, file };
    const place = parsed.places().locate(error.path, 'key');
    throw invalid(file, [{ ...problem, ...place }]);
  }
}

/** Keys that begin with `x-` are for the file's own use: a place for anchors. */
function dropExtensions(root: unknown): void {
  if (!isObject(root)) return;
  for (const key of Object.keys(root)) if (key.startsWith('x-')) delete root[key];
}

/**
 * `port: ${PORT}` means a number: where the schema wants no text, a value that reads as one becomes
 * it.
 */
function giveKind({ path, holder, key, written, fault }: IFilled, root: unknown): void {
  const text = holder[key];
  if (fault !== undefined || typeof text !== 'string' || !/^\$\{[^}]*\}$/.test(written)) return;
  const accepts = acceptedScalar(optionsSchema, path, root);
  if (accepts === 'number' && /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/.test(text)) {
    holder[key] = Number(text);
  } else if (accepts === 'boolean' && (text === 'true' || text === 'false')) {
    holder[key] = text === 'true';
  }
}

function refused(file: string, parsed: IParsedText): DcError {
  const lines = new LineMap(parsed.text);
  const problems = parsed.faults.map(({ offset, message }) => {
    return { path: '', message, file, ...lines.placeOf(offset) };
  });
  return invalid(file, problems);
}

function invalid(file: string, problems: IProblem[]): DcError {
  const message = `Cannot use ${JSON.stringify(file)}: it cannot be read as data`;
  return new DcError('CONFIG_INVALID', message, { problems });
}
