import { escapeControls } from '../core/text.ts';
import type { ITerminal } from './command.ts';

const styles = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';
const clearScreen = '\u001b[2J';

/** How a text can look on a terminal. */
export type TStyle = keyof typeof styles;

/** A cell of a table: a text, or one with a look. */
export type TCell = string | { text: string; style: TStyle };

/**
 * Writes results: JSON when `--json` was given or nobody looks (standard output is no terminal),
 * else tables in colours (none with `NO_COLOR`). Text that comes from elsewhere is escaped, so that
 * it cannot steer the terminal.
 */
export class Output {
  /** Whether results are JSON. */
  readonly json: boolean;
  private readonly terminal: ITerminal;

  constructor(terminal: ITerminal, json: boolean) {
    this.terminal = terminal;
    this.json = json || terminal.stdout.isTTY !== true;
  }

  /** Whether a person looks at a screen that can be drawn anew. */
  get isScreen(): boolean {
    return !this.json && this.terminal.env.TERM !== 'dumb';
  }

  /** Writes a result: as JSON, or as the lines that `lines` makes for people. */
  show(value: unknown, lines: () => readonly string[]): void {
    if (this.json) this.text(`${JSON.stringify(value, null, this.indent)}\n`);
    else
      this.text(
        lines()
          .map((line) => `${line}\n`)
          .join(''),
      );
  }

  /** Writes a value as one line of JSON. */
  line(value: unknown): void {
    this.text(`${JSON.stringify(value)}\n`);
  }

  /** Writes text as it is. */
  text(text: string): void {
    this.terminal.stdout.write(text);
  }

  /** Tells a person something that is no result. */
  note(text: string): void {
    this.terminal.stderr.write(`${text}\n`);
  }

  /** A text with a look, where colours are wanted. */
  styled(text: string, style: TStyle): string {
    const safe = escapeControls(text);
    if (!wantsColours(this.terminal.stdout, this.terminal.env)) return safe;
    const [on, off] = styles[style];
    return `\u001b[${on}m${safe}\u001b[${off}m`;
  }

  /** Lines of a table, as wide as it needs to be. */
  table(head: readonly string[], rows: readonly (readonly TCell[])[]): string[] {
    const widths = head.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => widthOf(row[column] ?? ''))),
    );
    const header = this.row(
      head.map((title) => ({ text: title, style: 'bold' as const })),
      widths,
    );
    return [header, ...rows.map((row) => this.row(row, widths))];
  }

  /** Lines of `name  value`. */
  pairs(pairs: readonly (readonly [name: string, value: TCell])[]): string[] {
    const width = Math.max(0, ...pairs.map(([name]) => name.length));
    return pairs.map(([name, value]) => {
      return this.row([{ text: name, style: 'dim' }, value], [width, 0]);
    });
  }

  private get indent(): number | undefined {
    return this.terminal.stdout.isTTY === true ? 2 : undefined;
  }

  private row(cells: readonly TCell[], widths: readonly number[]): string {
    return cells
      .map((cell, column) => {
        const text = typeof cell === 'string' ? escapeControls(cell) : cell.text;
        const styled = typeof cell === 'string' ? text : this.styled(cell.text, cell.style);
        const isLast = column === cells.length - 1;
        return isLast
          ? styled
          : styled + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell)));
      })
      .join('  ');
  }
}

/** Writes lines where those before stood, on a screen; else one after the other. */
export function draw(
  output: Output,
  lines: readonly string[],
  when: 'once' | 'first' | 'again',
): void {
  if (when === 'once' || !output.isScreen) {
    output.text(`${lines.join('\n')}\n`);
    return;
  }
  const start = when === 'first' ? clearScreen + home : home;
  output.text(start + lines.map((line) => `${line}${clearLine}\n`).join('') + clearBelow);
}

/** Says of a thing that it was added, or put in place of the one before. */
export function savedLine(output: Output, created: boolean, name: string): string {
  const what = output.styled(created ? 'added' : 'replaced', 'green');
  return `${what}  ${output.styled(name, 'bold')}`;
}

/**
 * Whether a stream wants colours: a terminal that is not dumb, without `NO_COLOR` (see
 * no-color.org).
 */
export function wantsColours(
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}

function widthOf(cell: TCell): number {
  return escapeControls(typeof cell === 'string' ? cell : cell.text).length;
}
