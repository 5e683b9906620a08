import type { IHeaderChanges } from '../../../ts_interfaces/index.ts';
import { DcError } from '../../core/errors.ts';
import { fieldId } from './field-names.ts';
import type { FieldTable } from './field-table.ts';
import { trimBlanks } from './list-values.ts';

/**
 * The parsed fields as text again, each `name: value` and CRLF.
 *
 * @param dropped bit per known field name that is left out.
 * @param nominated further names to leave out, in lower case; `null` for none.
 */
export function fieldLines(
  table: FieldTable,
  dropped: number,
  nominated: ReadonlySet<string> | null,
): string {
  const { text } = table;
  if (!table.canonical || nominated !== null) return rebuiltLines(table, dropped, nominated);
  if ((table.seen & dropped) === 0) return text.substring(table.start, table.end);
  let lines = '';
  let runStart = table.start;
  for (let index = 0; index < table.count; index++) {
    if ((dropped & (1 << table.id(index))) === 0) continue;
    const lineStart = table.lineStart(index);
    if (lineStart > runStart) lines += text.substring(runStart, lineStart);
    runStart = table.lineEnd(index);
  }
  return runStart < table.end ? lines + text.substring(runStart, table.end) : lines;
}

function rebuiltLines(
  table: FieldTable,
  dropped: number,
  nominated: ReadonlySet<string> | null,
): string {
  let lines = '';
  for (let index = 0; index < table.count; index++) {
    const id = table.id(index);
    if ((dropped & (1 << id)) !== 0) continue;
    const name = table.name(index);
    if (nominated?.has(name.toLowerCase())) continue;
    const value = table.value(index);
    // Not everybody reads `010` as ten.
    lines += `${name}: ${id === fieldId.contentLength ? Number(value) : value}\r\n`;
  }
  return lines;
}

/** Header changes made ready: what goes, as one pattern, and what comes, as text. */
export interface ICompiledChanges {
  /** Finds the lines that go; null when none do. */
  readonly gone: RegExp | null;
  /** Lines that come, each with its CRLF. */
  readonly lines: string;
  /** New value of Host, which has a place of its own; null when it stays. */
  readonly host: string | null;
}

/**
 * Prepares header changes.
 *
 * @returns null when nothing changes.
 * @throws DcError `ROUTE_INVALID` for a name or value that cannot stand in a header.
 */
export function compileChanges(changes: IHeaderChanges): ICompiledChanges | null {
  const gone = new Set<string>();
  let lines = '';
  let host: string | null = null;
  for (const name of changes.remove ?? []) gone.add(checkedName(name).toLowerCase());
  for (const [name, value] of Object.entries(changes.set ?? {})) {
    if (name.toLowerCase() === 'host') {
      host = checkedValue(name, value);
      continue;
    }
    gone.add(checkedName(name).toLowerCase());
    lines += `${name}: ${checkedValue(name, value)}\r\n`;
  }
  for (const [name, value] of Object.entries(changes.add ?? {})) {
    lines += `${checkedName(name)}: ${checkedValue(name, value)}\r\n`;
  }
  if (gone.size === 0 && lines === '' && host === null) return null;
  const names = [...gone].map(patternOf).join('|');
  return { gone: gone.size === 0 ? null : new RegExp(`^(?:${names}):`, 'im'), lines, host };
}

/** `X_User` goes with `X-User`: to CGI and its heirs they are the same. */
function patternOf(name: string): string {
  return name.replace(/[.*+?^$|]/g, '\\$&').replace(/[-_]/g, '[-_]');
}

/** Carries out prepared changes on lines that `fieldLines` made. */
export function changeLines(lines: string, changes: ICompiledChanges): string {
  const { gone } = changes;
  if (gone === null || !gone.test(lines)) return lines + changes.lines;
  let kept = '';
  let start = 0;
  while (start < lines.length) {
    const end = lines.indexOf('\r\n', start) + 2;
    const line = lines.substring(start, end);
    if (!gone.test(line)) kept += line;
    start = end;
  }
  return kept + changes.lines;
}

function checkedName(name: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return name;
  throw new DcError('ROUTE_INVALID', `Cannot use ${JSON.stringify(name)} as a header name`);
}

function checkedValue(name: string, value: string): string {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return trimBlanks(value);
  throw new DcError(
    'ROUTE_INVALID',
    `Cannot use the value of header "${name}": it has characters that no header may have`,
  );
}
