import type { TPortRange } from '../../../ts_interfaces/index.ts';
import { isPortRange, readPortRange } from '../../config/port-range.ts';

/** Ports from one to another, both included. */
export interface IPortSpan {
  readonly from: number;
  readonly to: number;
}

/** Reads a range that `ts/config` has checked; port 0 is a free one. */
export function portSpan(range: TPortRange): IPortSpan {
  const read = readPortRange(range);
  return isPortRange(read) ? read : { from: 0, to: 0 };
}

/** Every port of the spans once, ascending. */
export function portsOfSpans(spans: readonly IPortSpan[]): number[] {
  const ports = new Set<number>();
  for (const { from, to } of spans) for (let port = from; port <= to; port++) ports.add(port);
  return [...ports].sort((one, other) => one - other);
}

/** Values by port; a question is a binary search. What comes first wins where ranges overlap. */
export class PortMap<TValue> {
  /** Ascending by start, without overlaps. */
  private readonly spans: { from: number; to: number; value: TValue }[] = [];

  constructor(entries: Iterable<readonly [IPortSpan, TValue]>) {
    for (const [span, value] of entries) {
      // Only what is left of it beside those that came before.
      let { from } = span;
      const later: { from: number; to: number; value: TValue }[] = [];
      for (const known of this.spans) {
        if (known.to < from || known.from > span.to) continue;
        if (known.from > from) later.push({ from, to: known.from - 1, value });
        from = known.to + 1;
      }
      if (from <= span.to) later.push({ from, to: span.to, value });
      this.spans.push(...later);
      this.spans.sort((one, other) => one.from - other.from);
    }
  }

  /** The value of a port; undefined: it is in no span. */
  get(port: number): TValue | undefined {
    let low = 0;
    let high = this.spans.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const span = this.spans[middle] as { from: number; to: number; value: TValue };
      if (port < span.from) high = middle - 1;
      else if (port > span.to) low = middle + 1;
      else return span.value;
    }
    return undefined;
  }

  /** Whether a port is in one of the spans. */
  has(port: number): boolean {
    return this.get(port) !== undefined;
  }
}
