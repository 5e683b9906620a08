import type { IToken } from '../codec/tokens.ts';

/** The numbers that a `$GENERATE` counts through. */
export interface IGenerateRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

const rangePattern = /^([0-9]{1,10})-([0-9]{1,10})(?:\/([0-9]{1,10}))?$/;
const numberMax = 2 ** 31 - 1;

/** Reads `1-10` or `0-254/2`; undefined for anything else, a range that goes down, a step of 0. */
export function parseRange(text: string): IGenerateRange | undefined {
  const match = rangePattern.exec(text);
  if (match === null) return undefined;
  const [first, last, step] = [Number(match[1]), Number(match[2]), Number(match[3] ?? '1')];
  if (first > last || step === 0 || last > numberMax || step > numberMax) return undefined;
  return { first, last, step };
}

/** How many records a range makes. */
export function rangeCount({ first, last, step }: IGenerateRange): number {
  return Math.floor((last - first) / step) + 1;
}

// An escape stays one, `$$` is a dollar, `${offset,width,base}` and `$` are the number.
const dollarPattern = /\\[\s\S]|\$\$|\$\{([^}]*)\}?|\$/g;
const modifierPattern = /^(-?[0-9]{1,10})(?:,([0-9]{1,3})(?:,([doxXnN]))?)?$/;

/**
 * Puts a number into a template of `$GENERATE` as BIND does: `$`, `${offset}`,
 * `${offset,width}`, `${offset,width,base}` with base `d`, `o`, `x`, `X`, or `n` and `N` for
 * nibbles in reversed order as in `ip6.arpa`; `$$` and `\$` are a dollar sign.
 *
 * @returns undefined for a bad modifier or one without its end, or when the offset makes the number negative.
 */
export function fillTemplate(template: string, value: number): string | undefined {
  let good = true;
  const text = template.replace(dollarPattern, (match: string, modifier: string | undefined) => {
    if (match.startsWith('\\')) return match;
    if (match === '$$') return '$';
    const isOpen = modifier !== undefined && !match.endsWith('}');
    const number = modifier === undefined ? String(value) : formatNumber(modifier, value);
    good &&= number !== undefined && !isOpen;
    return number ?? '';
  });
  return good ? text : undefined;
}

function formatNumber(modifier: string, value: number): string | undefined {
  const match = modifierPattern.exec(modifier);
  if (match === null) return undefined;
  const number = value + Number(match[1]);
  const width = Number(match[2] ?? '0');
  if (number < 0 || number > numberMax || width > 255) return undefined;
  switch (match[3] ?? 'd') {
    case 'o':
      return number.toString(8).padStart(width, '0');
    case 'x':
      return number.toString(16).padStart(width, '0');
    case 'X':
      return number.toString(16).toUpperCase().padStart(width, '0');
    case 'n':
      return nibbles(number.toString(16), width);
    case 'N':
      return nibbles(number.toString(16).toUpperCase(), width);
    default:
      return String(number).padStart(width, '0');
  }
}

/** The width counts the dots too: an even one, longer than the number, ends with a dot, as BIND has it. */
function nibbles(hex: string, width: number): string {
  const text = [...hex.padStart(Math.ceil(width / 2), '0')].reverse().join('.');
  return text.length < width ? `${text}.` : text;
}

/**
 * The words of the data with the number in them; undefined for a bad modifier. A single quoted word
 * is, as in BIND, the whole data and is cut into words by `cut` after the number is in it.
 */
export function fillTokens(
  tokens: readonly IToken[],
  value: number,
  cut: (text: string) => IToken[],
): IToken[] | undefined {
  const filled: IToken[] = [];
  for (const { text, quoted } of tokens) {
    const result = fillTemplate(text, value);
    if (result === undefined) return undefined;
    if (quoted && tokens.length === 1) return cut(result.replaceAll('\\"', '"'));
    filled.push({ text: result, quoted });
  }
  return filled;
}
