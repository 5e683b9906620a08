import { resolve } from 'node:path';
import { nearest } from './nearest.ts';
import type { TPath } from './path.ts';
import { readBytes, reasonOf } from './read-bytes.ts';

/** Bytes that a file named by `file:` may have. */
export const FILLED_BYTES_MAX = 1_048_576;

/** Values of a configuration, counting what aliases repeat; above it, the file is refused. */
export const VALUES_MAX = 10_000_000;

/** Levels that a configuration may be nested. */
export const DEPTH_MAX = 64;

/** Where values may come from. */
export interface IExpandSettings {
  /** Variables for `${NAME}`. */
  env: Readonly<Record<string, string | undefined>>;
  /** Folder that `file:` paths begin in. */
  folder: string;
}

/** A text whose value came from the environment or a file, or should have. */
export interface IFilled {
  path: TPath;
  holder: Record<string | number, unknown>;
  key: string | number;
  /** What the configuration says. */
  written: string;
  /** The file that is read for it. */
  file: string | undefined;
  /** Why there is no value; undefined when all is well. */
  fault: { message: string; suggestion?: string | undefined } | undefined;
}

/** Thrown when data are nested too deeply or multiply too much; the path says where it begins. */
export class TooMuchError extends Error {
  readonly path: TPath;

  constructor(path: TPath, message: string) {
    super(message);
    this.path = path.slice(0, 3);
  }
}

/**
 * Replaces `${NAME}`, `${NAME:-default}` and whole values that read `file:PATH`, in place; `$${`
 * stands for a plain `${`.
 *
 * Only texts are looked at, after the file was parsed, and what is put in is not looked at again: a
 * value can never become a key, a list or another reference.
 *
 * @returns every place that was filled. The ones that could not be keep their text and have a
 * fault.
 * @throws TooMuchError
 */
export async function expand(root: unknown, settings: IExpandSettings): Promise<IFilled[]> {
  const walk = new Walk(settings);
  walk.visit(root, []);
  await readFiles(walk.filled);
  return walk.filled;
}

class Walk {
  readonly filled: IFilled[] = [];
  readonly #settings: IExpandSettings;
  /** Aliases share what they repeat: it is replaced once, and reported at each of its places. */
  readonly #done = new Map<object, Map<string | number, IFilled | null>>();
  #count = 0;

  constructor(settings: IExpandSettings) {
    this.#settings = settings;
  }

  visit(value: unknown, path: TPath): void {
    if (typeof value !== 'object' || value === null) return;
    if (path.length > DEPTH_MAX) {
      throw new TooMuchError(path, `Must not be nested deeper than ${DEPTH_MAX} levels`);
    }
    const holder = value as Record<string | number, unknown>;
    for (const name of Object.keys(holder)) {
      if (++this.#count > VALUES_MAX) {
        throw new TooMuchError(path, `Must not have more than ${VALUES_MAX} values`);
      }
      const key = Array.isArray(value) ? Number(name) : name;
      const field = holder[key];
      if (typeof field === 'string') this.#text(holder, key, field, path);
      else if (typeof field === 'object') this.visit(field, [...path, key]);
    }
  }

  #text(holder: IFilled['holder'], key: string | number, written: string, path: TPath): void {
    const done = this.#done.size === 0 ? undefined : this.#done.get(holder)?.get(key);
    if (done !== undefined) {
      if (done !== null) this.filled.push({ ...done, path: [...path, key] });
      return;
    }
    const isFile = written.startsWith('file:');
    if (!isFile && !written.includes('${')) return;
    const { text, variables, fault } = replaceVariables(written, this.#settings.env);
    if (fault === undefined) holder[key] = text;
    let filled: IFilled | null = null;
    if (isFile || variables > 0 || fault !== undefined) {
      const file = isFile && fault === undefined ? pathOf(text, this.#settings.folder) : undefined;
      filled = { path: [...path, key], holder, key, written, file, fault };
      this.filled.push(filled);
    }
    const fields = this.#done.get(holder);
    if (fields === undefined) this.#done.set(holder, new Map([[key, filled]]));
    else fields.set(key, filled);
  }
}

function pathOf(text: string, folder: string): string {
  return resolve(folder, text.slice('file:'.length));
}

const reference = /\$?\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g;

interface IReplaced {
  text: string;
  /** How many variables were put in. */
  variables: number;
  fault: IFilled['fault'];
}

function replaceVariables(written: string, env: IExpandSettings['env']): IReplaced {
  const replaced: IReplaced = { text: '', variables: 0, fault: undefined };
  replaced.text = written.replace(reference, (found, name?: string, fallback?: string) => {
    if (found.startsWith('$$')) return found.slice(1);
    if (name === undefined) {
      replaced.fault = {
        message: 'Must be ${NAME} or ${NAME:-default}; a plain "${" is written "$${"',
      };
      return found;
    }
    replaced.variables++;
    const value = env[name];
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value !== undefined) return value;
    const message = `Must name a variable of the environment: ${name} is not set`;
    replaced.fault = { message, suggestion: nearest(name, Object.keys(env)) };
    return found;
  });
  return replaced;
}

/** Reads what `file:` names, a few at a time, each path once. */
async function readFiles(places: readonly IFilled[]): Promise<void> {
  const byFile = new Map<string, IFilled[]>();
  for (const place of places) {
    if (place.file === undefined) continue;
    const others = byFile.get(place.file);
    if (others === undefined) byFile.set(place.file, [place]);
    else others.push(place);
  }
  const waiting = byFile.entries();
  const readers = Array.from({ length: 16 }, async () => {
    for (const [file, fields] of waiting) {
      const content = await readText(file);
      for (const field of fields) {
        if (typeof content === 'string') field.holder[field.key] = content;
        else field.fault = content;
      }
    }
  });
  await Promise.all(readers);
}

/** The file's text without the line end that editors and `echo` put last. */
async function readText(file: string): Promise<string | { message: string }> {
  try {
    const bytes = await readBytes(file, FILLED_BYTES_MAX);
    if (bytes === undefined) {
      return { message: `Must name a file of at most ${FILLED_BYTES_MAX} bytes` };
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch (error) {
    return { message: `Must name a file that can be read: ${reasonOf(error)}` };
  }
}
