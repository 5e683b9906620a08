import { randomFrom } from '../suites/random.ts';

/** Draws what a generator needs. */
export class Random {
  private readonly below: (bound: number) => number;

  /** @param seed the same one draws the same; not 0. */
  constructor(seed: number) {
    this.below = randomFrom(seed);
    // Neighbouring seeds differ little in their first numbers.
    for (let index = 0; index < 8; index++) this.below(2);
  }

  /** A whole number from 0 to below `bound`. */
  number(bound: number): number {
    return this.below(bound);
  }

  /** True in one of `times` cases. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** Mostly the first item, in one of `times` cases one of the others. */
  mostly<T>(usual: T, times: number, others: readonly T[]): T {
    return this.oneIn(times) ? this.pick(others) : usual;
  }
}

/** Cuts the bytes at up to `cutsMax` random places. */
export function randomParts(random: Random, bytes: Buffer, cutsMax: number): Buffer[] {
  const cuts = Array.from({ length: random.number(cutsMax + 1) }, () =>
    random.number(bytes.length + 1),
  ).sort((a, b) => a - b);
  return [...cuts, bytes.length].map((cut, index) => bytes.subarray(cuts[index - 1] ?? 0, cut));
}

const oddBytes = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '"',
  '\x7f',
  '\x80',
  '\xff',
  '\x0b',
];

/**
 * Changes bytes here and there.
 *
 * @param words texts that mean something in the place where they are put.
 */
export function mutate(random: Random, text: string, words: readonly string[]): string {
  let mutant = text;
  for (let count = 1 + random.number(3); count > 0; count--) {
    const at = random.number(mutant.length + 1);
    const [before, after] = [mutant.slice(0, at), mutant.slice(at)];
    switch (random.number(8)) {
      case 0:
        mutant = before + after.slice(1);
        break;
      case 1:
        mutant = before + random.pick(oddBytes) + after;
        break;
      case 2:
        mutant = before + random.pick(oddBytes) + after.slice(1);
        break;
      case 3:
        mutant = before + String.fromCharCode(random.number(256)) + after.slice(1);
        break;
      case 4:
        mutant = before + random.pick(words) + after;
        break;
      case 5:
        mutant = repeatLine(mutant, at);
        break;
      case 6:
        mutant = before + after.slice(random.number(20));
        break;
      default:
        mutant = before + swapCase(after.slice(0, 1)) + after.slice(1);
    }
  }
  return mutant;
}

function repeatLine(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at) + 1;
  const end = text.indexOf('\n', at) + 1 || text.length;
  return text.slice(0, end) + text.slice(start);
}

function swapCase(text: string): string {
  const upper = text.toUpperCase();
  return upper === text ? text.toLowerCase() : upper;
}
