import { nearest } from '../config/nearest.ts';
import { optionsOf } from './arguments.ts';
import type { ICommandSpec, IOptionSpec, TCommandRun } from './command.ts';
import { UsageError } from './command.ts';
import { commands } from './commands.ts';

/** `dcrouter help [COMMAND]` */
export const help: TCommandRun = async ({ arguments: { positionals }, output }) => {
  output.text(helpFor(positionals));
  return 0;
};

/**
 * The help of a command, of a group of commands (`route`), or (no words) of the program.
 * @throws UsageError for a command that there is none of.
 */
export function helpFor(words: readonly string[]): string {
  const found = commands.filter(({ path }) => words.every((word, index) => path[index] === word));
  const exact = found.find(({ path }) => path.length === words.length);
  if (exact !== undefined && words.length > 0) return commandHelp(exact);
  if (found.length > 0) return listHelp(found, words);
  const suggestion = nearest(
    words[0] ?? '',
    new Set(commands.map(({ path }) => path[0] as string)),
  );
  const hint = suggestion === undefined ? '' : `. Did you mean "${suggestion}"?`;
  throw new UsageError(`"${words.join(' ')}" is no command${hint}`);
}

function listHelp(found: readonly ICommandSpec[], words: readonly string[]): string {
  const lines = found.map((command) => [usageOf(command), command.summary] as const);
  return [
    `Usage: dcrouter ${[...words, 'COMMAND'].join(' ')} [flags]`,
    '',
    ...columns(lines),
    '',
    '"dcrouter help COMMAND" shows the flags of a command.',
    'Exit codes: 0 done, 1 configuration or usage error, 2 failed at run time.',
    '',
  ].join('\n');
}

function commandHelp(command: ICommandSpec): string {
  const options = Object.entries(optionsOf(command)).map(
    ([name, spec]) => [flagOf(name, spec), spec.description] as const,
  );
  return [
    command.summary,
    '',
    `Usage: dcrouter ${usageOf(command)} [flags]`,
    ...(command.description === undefined ? [] : ['', command.description]),
    '',
    ...columns(options),
    '',
  ].join('\n');
}

function usageOf({ path, positionals }: ICommandSpec): string {
  return [...path, ...positionals].join(' ');
}

function flagOf(name: string, { short, type, value = 'VALUE' }: IOptionSpec): string {
  const letter = short === undefined ? '    ' : `-${short}, `;
  return `${letter}--${name}${type === 'string' ? ` ${value}` : ''}`;
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(36, Math.max(...rows.map(([name]) => name.length)));
  return rows.map(([name, text]) => {
    const line =
      name.length > width ? `  ${name}\n  ${' '.repeat(width)}` : `  ${name.padEnd(width)}`;
    return `${line}  ${text}`;
  });
}
