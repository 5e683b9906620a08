import type { z } from 'zod';
import { nearest } from './nearest.ts';
import { type TPath, valueAt } from './path.ts';
import { isObject } from './schema-object.ts';
import { laterKeys } from './schema-options.ts';
import { branchAt, expectationOf, oneOf, schemaAt, shapeOf } from './schema-walk.ts';

/** A problem whose place is still in parts, and whose value is not shown yet. */
export interface IFinding {
  /** Where it is in the data. */
  path: TPath;
  /** Whether the key is wrong or its value. */
  at: 'key' | 'value';
  /** Why it is refused and what would be accepted. */
  message: string;
  /** The nearest accepted word. */
  suggestion?: string | undefined;
  /** A start may go on in spite of it, with nothing left out. */
  bearable?: boolean;
}

/** Puts what zod found wrong with the data into words of ours, one finding for each place. */
export function findingsOf(
  schema: z.core.$ZodType,
  input: unknown,
  issues: readonly z.core.$ZodIssue[],
): IFinding[] {
  const findings = issues.flatMap((issue) => findingOf(schema, input, issue, []));
  // A number can break two bounds at once, which reads as one problem.
  const seen = new Set<string>();
  return findings.filter(({ path, message }) => {
    const key = `${JSON.stringify(path)} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}

function findingOf(
  schema: z.core.$ZodType,
  input: unknown,
  issue: z.core.$ZodIssue,
  outer: TPath,
): IFinding[] {
  const path = [...outer, ...(issue.path as (string | number)[])];
  const value = valueAt(input, path);
  const place = schemaAt(schema, path, input);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, place, value));
    case 'invalid_union':
      if (issue.errors.length > 0) return unionFindings(schema, input, issue, path);
      return [wrongWord(path, value, 'options' in issue ? (issue.options ?? []) : [])];
    case 'invalid_value':
      return [wrongWord(path, value, issue.values)];
    case 'invalid_key':
      return [wrongKey(path, issue.issues[0])];
    case 'custom':
      return [{ path, at: 'value', message: issue.message, suggestion: issue.params?.suggestion }];
    default:
      return [wrongKind(path, value, place)];
  }
}

function wrongKey(path: TPath, inner: z.core.$ZodIssue | undefined): IFinding {
  const message = inner?.message ?? 'Must be another key';
  const suggestion = inner?.code === 'custom' ? inner.params?.suggestion : undefined;
  return { path, at: 'key', message, ...(suggestion !== undefined && { suggestion }) };
}

/** Of a union's branches the one counts that takes this kind of value. */
function unionFindings(
  schema: z.core.$ZodType,
  input: unknown,
  issue: Extract<z.core.$ZodIssue, { code: 'invalid_union' }>,
  path: TPath,
): IFinding[] {
  const value = valueAt(input, path);
  const fitting = issue.errors.filter((branch) => {
    return !branch.some(({ code, path: inside }) => {
      const word = code === 'invalid_value' && typeof value !== 'string';
      return inside.length === 0 && (word || code === 'invalid_type');
    });
  });
  const chosen = fitting.length > 1 ? branchAt(schema, path, input) : undefined;
  const branch = chosen === undefined ? fitting[0] : issue.errors[chosen];
  if ((fitting.length === 1 || chosen !== undefined) && branch !== undefined) {
    const found = branch.flatMap((inner) => findingOf(schema, input, inner, path));
    const [first] = branch;
    const isWrongWord = first?.code === 'invalid_value' && first.path.length === 0;
    if (!isWrongWord || !issue.errors.some(wantsMap)) return found;
    return found.map((finding) => ({ ...finding, message: `${finding.message}, or a map` }));
  }
  return [wrongKind(path, value, schemaAt(schema, path, input))];
}

/** Whether the branch that these are of would have taken a map. */
function wantsMap(issues: readonly z.core.$ZodIssue[]): boolean {
  return issues.some((issue) => {
    return issue.code === 'invalid_type' && issue.expected === 'object' && issue.path.length === 0;
  });
}

function unknownKey(
  key: string,
  path: TPath,
  place: z.core.$ZodType | undefined,
  holder: unknown,
): IFinding {
  const finding = { path: [...path, key], at: 'key' as const };
  const shape = shapeOf(place) ?? {};
  if ('dataDir' in shape && laterKeys.has(key)) {
    return { ...finding, message: `Must be absent: "${key}" is not available in this version` };
  }
  if ('dataDir' in shape && key === 'hooks') {
    return {
      ...finding,
      message: 'Must be absent: hooks are functions, which only the library takes',
    };
  }
  const free = Object.keys(shape).filter((name) => !isObject(holder) || !(name in holder));
  const home = Object.keys(shape).find((name) => key in (shapeOf(shape[name]) ?? {}));
  const suggestion = nearest(key, free) ?? (home === undefined ? undefined : `${home}.${key}`);
  if (suggestion !== undefined) return { ...finding, message: 'Unknown key', suggestion };
  const accepted = Object.keys(shape).join(', ');
  return { ...finding, message: `Unknown key; accepted here: ${accepted}` };
}

const reasons: Readonly<Record<string, string>> = {
  version: 'Must be 1: the only format that this version of DcRouter reads',
  workers: 'Must be "auto", or a whole number from 0 to 256',
};

function wrongWord(path: TPath, value: unknown, accepted: readonly unknown[]): IFinding {
  const message = (path.length === 1 && reasons[String(path[0])]) || `Must be ${oneOf(accepted)}`;
  if (typeof value !== 'string') return { path, at: 'value', message };
  return { path, at: 'value', message, suggestion: nearest(value, accepted.map(String)) };
}

function wrongKind(path: TPath, value: unknown, place: z.core.$ZodType | undefined): IFinding {
  const expected = expectationOf(place);
  const finding = { path, at: 'value' as const };
  if (value === undefined) return { ...finding, message: `Must be given: ${expected}` };
  if (value === null) {
    const hint = path.length === 0 ? '' : '; leave the key out instead';
    return { ...finding, message: `Must be ${expected}, not empty${hint}` };
  }
  const message = `Must be ${expected}`;
  if (Array.isArray(value)) {
    return {
      ...finding,
      message: expected.startsWith('a list') ? message : `${message}, not a list`,
    };
  }
  if (isObject(value)) return { ...finding, message: `${message}, not a map` };
  if (expected === 'a text') return { ...finding, message: 'Must be a text: put it in quotes' };
  if (typeof value !== 'string') return { ...finding, message };
  const isWord = expected.startsWith('true or false') && /^(?:true|false)$/.test(value);
  if (isWord || (expected.includes('number') && /^\d{1,15}$/.test(value))) {
    return { ...finding, message: `${message}: take off the quotes` };
  }
  return { ...finding, message, suggestion: booleanFor(value, expected) };
}

/** YAML 1.1 took these words for booleans, YAML 1.2 reads text. */
function booleanFor(value: string, expected: string): string | undefined {
  if (!expected.includes('true or false')) return undefined;
  if (/^(?:true|yes|on|y)$/i.test(value)) return 'true';
  return /^(?:false|no|off|n)$/i.test(value) ? 'false' : undefined;
}
