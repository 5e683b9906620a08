import type { IRefusal } from './host-name.ts';

/** Ports from one to another, both included. */
export interface IPortRange {
  from: number;
  to: number;
}

/** The highest port that there is. */
export const PORT_MAX = 65_535;

/**
 * Reads a range as a configuration may write it: a port, `'6000-6010'`, or `{ from, to }`.
 *
 * @returns the range; why it is refused where it is none.
 */
export function readPortRange(given: unknown): IPortRange | IRefusal {
  if (typeof given === 'string') return readText(given);
  const { from, to } = typeof given === 'number' ? { from: given, to: given } : Object(given);
  if (!isPort(from) || !isPort(to)) return { problem: `Must be ports from 1 to ${PORT_MAX}` };
  if (from <= to) return { from, to };
  return { problem: `Must have its lower port first: ${to} is below ${from}` };
}

/** Whether `readPortRange` could read it. */
export function isPortRange(read: IPortRange | IRefusal): read is IPortRange {
  return 'from' in read;
}

/** The range as a text: `443`, or `6000-6010`. */
export function spellRange({ from, to }: IPortRange): string {
  return from === to ? String(from) : `${from}-${to}`;
}

/** Several ranges as one text, of many only the first. */
export function spellRanges(ranges: readonly IPortRange[]): string {
  const shown = ranges.slice(0, 3).map(spellRange).join(', ');
  return ranges.length > 3 ? `${shown} and ${ranges.length - 3} more` : shown;
}

/** The same ports as the fewest ranges, from the lowest on. */
export function mergeRanges(ranges: readonly IPortRange[]): IPortRange[] {
  const merged: IPortRange[] = [];
  for (const { from, to } of [...ranges].sort((one, other) => one.from - other.from)) {
    const last = merged.at(-1);
    if (last === undefined || from > last.to + 1) merged.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return merged;
}

/** The ports of the first that are not in the second; both as `mergeRanges` makes them. */
export function subtractRanges(
  ranges: readonly IPortRange[],
  taken: readonly IPortRange[],
): IPortRange[] {
  const left: IPortRange[] = [];
  let index = 0;
  for (const { from, to } of ranges) {
    let start = from;
    while ((taken[index]?.to ?? PORT_MAX) < start) index++;
    // A range that reaches beyond this one counts for the next one too.
    for (let at = index; start <= to; at++) {
      const next = taken[at];
      if (next === undefined || next.from > to) break;
      if (next.from > start) left.push({ from: start, to: next.from - 1 });
      start = next.to + 1;
    }
    if (start <= to) left.push({ from: start, to });
  }
  return left;
}

/**
 * Finds ranges that have ports which an earlier one of the list has too; each is named once.
 */
export function findOverlaps(ranges: readonly (IPortRange | undefined)[]): [number, number][] {
  const sorted = [...ranges.entries()]
    .filter((entry): entry is [number, IPortRange] => entry[1] !== undefined)
    .sort(([, one], [, other]) => one.from - other.from);
  const overlaps = new Map<number, number>();
  let widest: [number, IPortRange] | undefined;
  for (const entry of sorted) {
    const [index, range] = entry;
    if (widest !== undefined && range.from <= widest[1].to) {
      overlaps.set(Math.max(index, widest[0]), Math.min(index, widest[0]));
    }
    if (widest === undefined || range.to > widest[1].to) widest = entry;
  }
  return [...overlaps].sort(([one], [other]) => one - other);
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= PORT_MAX;
}

function readText(text: string): IPortRange | IRefusal {
  const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null) {
    const near = /^\s*(\d{1,9})\s*(?:[-:–]|\.\.+)\s*(\d{1,9})\s*$/.exec(text);
    const problem = 'Must be a port, or ports like "6000-6010"';
    return near === null ? { problem } : { problem, suggestion: `${near[1]}-${near[2]}` };
  }
  const range = readPortRange({ from, to });
  if (isPortRange(range) || !isPort(from) || !isPort(to)) return range;
  return { ...range, suggestion: `${to}-${from}` };
}
