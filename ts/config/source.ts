import type { IProblem } from '../core/errors.ts';
import type { IFinding } from './issues.ts';
import { formatPath, type TPath, valueAt } from './path.ts';
import { isSecret, maskText, SECRET_MASK } from './secrets.ts';

/** A place in a text, both from 1; columns count UTF-16 units. */
export interface ITextPlace {
  line: number;
  column: number;
}

/** What is known of the text that data came from. */
export interface IConfigSource {
  /** Name of the file, as problems show it. */
  readonly file: string;
  /** What was wrong already while reading: missing variables and files. */
  readonly findings: readonly IFinding[];
  /**
   * Where a key or value stands; for one that is missing, what should have held it. The map of the
   * text is made at the first call, so that a good file never pays for it.
   */
  locate(path: TPath, at: 'key' | 'value'): ITextPlace | undefined;
  /**
   * What the file says where the environment or another file gave the value; undefined elsewhere.
   */
  writtenAt(path: TPath): string | undefined;
}

/**
 * Makes a problem of a finding: its place as text, its line, and its value unless that is a secret.
 */
export function problemOf(
  finding: IFinding,
  input: unknown,
  source?: IConfigSource,
  prefix?: string,
): IProblem {
  const { path, at, message, suggestion } = finding;
  const problem: IProblem = { path: formatPath(path, prefix), message };
  const written = source?.writtenAt(path);
  const secret = at === 'value' && isSecret(input, path) && !namesOnly(written);
  if (at === 'value') {
    const value = secret ? undefined : (written ?? valueAt(input, path));
    if (secret && isScalar(valueAt(input, path))) problem.value = SECRET_MASK;
    else if (typeof value === 'string') problem.value = maskText(value);
    // JSON knows no infinity: it would be shown as null.
    else if (isScalar(value))
      problem.value =
        value === true || value === false || Number.isFinite(value) ? value : String(value);
  }
  // A suggestion made from what the environment gave would tell what that was.
  const open = written === undefined || source?.findings.includes(finding);
  if (suggestion !== undefined && !secret && open) problem.suggestion = suggestion;
  if (source === undefined) return problem;
  return { ...problem, file: source.file, ...source.locate(path, at) };
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** A bare reference tells where a secret is, not what it is. */
function namesOnly(written: string | undefined): boolean {
  return written !== undefined && /^(?:\$\{\w+\}|file:[^$]*)$/.test(written);
}
