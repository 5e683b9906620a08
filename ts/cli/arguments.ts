import { parseArgs } from 'node:util';
import { nearest } from '../config/nearest.ts';
import { type IArguments, type ICommandSpec, type IOptionSpec, UsageError } from './command.ts';

/** Flags that every command takes. */
export const commonOptions: Readonly<Record<string, IOptionSpec>> = {
  json: { type: 'boolean', description: 'Write JSON; so it is when output is no terminal' },
  help: { type: 'boolean', short: 'h', description: 'Show the help of the command' },
};

/** Flags of the commands that talk to a running router. */
export const remoteOptions: Readonly<Record<string, IOptionSpec>> = {
  url: { type: 'string', value: 'URL', description: 'Management API; also DCROUTER_URL' },
  token: { type: 'string', value: 'TOKEN', description: 'Its token; also DCROUTER_TOKEN' },
  'data-dir': {
    type: 'string',
    value: 'DIR',
    description: 'Folder with api.json and admin-token; also DCROUTER_DATA_DIR',
  },
};

/** All flags of a command. */
export function optionsOf(command: ICommandSpec): Readonly<Record<string, IOptionSpec>> {
  return { ...command.options, ...(command.remote ? remoteOptions : {}), ...commonOptions };
}

/** What an argument list means before it is known which command it is for. */
export interface IInvocation {
  command: ICommandSpec;
  /** The arguments without the command's words. */
  rest: string[];
}

/**
 * Finds the command among the arguments; flags may stand before it and between its words.
 * @throws UsageError naming the nearest word.
 */
export function findCommand(
  commands: readonly ICommandSpec[],
  argv: readonly string[],
): IInvocation {
  const options = Object.fromEntries(
    Object.entries({ ...remoteOptions, ...commonOptions }).map(([name, { type, short }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const words = tokens.filter((token) => token.kind === 'positional');
  const taken: number[] = [];
  let candidates = commands;
  for (let depth = 0; ; depth++) {
    const found = candidates.find(({ path }) => path.length === depth);
    const deeper = candidates.filter(({ path }) => path.length > depth);
    const word = words[depth];
    if (deeper.length === 0 && found !== undefined) {
      return { command: found, rest: argv.filter((_, index) => !taken.includes(index)) };
    }
    const next = deeper.filter(({ path }) => path[depth] === word?.value);
    if (word === undefined || next.length === 0) {
      throw unknownCommand(
        commands,
        words.slice(0, depth + 1).map(({ value }) => value),
        deeper,
        depth,
      );
    }
    taken.push(word.index);
    candidates = next;
  }
}

function unknownCommand(
  commands: readonly ICommandSpec[],
  words: readonly string[],
  candidates: readonly ICommandSpec[],
  depth: number,
): UsageError {
  const accepted = [...new Set(candidates.map(({ path }) => path[depth] as string))];
  const known = words.slice(0, depth).join(' ');
  const word = words[depth];
  const choices = accepted.join(', ');
  if (word === undefined) return new UsageError(`Say which: dcrouter ${known} (${choices})`);
  const suggestion = nearest(word, accepted);
  const outer = suggestion === undefined && depth === 0 ? elsewhere(commands, word) : undefined;
  const hint =
    suggestion === undefined
      ? (outer ?? `The commands are ${choices}`)
      : `Did you mean "${[...words.slice(0, depth), suggestion].join(' ')}"?`;
  return new UsageError(`"${[...words].join(' ')}" is no command. ${hint}`);
}

/** `dcrouter add` is probably meant for one of the commands that have `add`. */
function elsewhere(commands: readonly ICommandSpec[], word: string): string | undefined {
  const found = commands
    .filter(({ path }) => path.length > 1 && path.at(-1) === word)
    .map(({ path }) => path.join(' '));
  const last = found.pop();
  if (last === undefined) return undefined;
  const before = found.map((words) => `"${words}"`).join(', ');
  return `Did you mean ${before === '' ? '' : `${before} or `}"${last}"?`;
}

/**
 * Parses the flags of a command.
 * @throws UsageError for what the command does not take, naming the nearest flag or value.
 */
export function parseArguments(command: ICommandSpec, args: readonly string[]): IArguments {
  const specs = optionsOf(command);
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { type, short }]) => [
      name,
      { type, multiple: true, ...(short === undefined ? {} : { short }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const flags = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const value = checkFlag(specs, token.name, token.rawName, token.value, token.inlineValue);
    const values = flags.get(token.name) ?? [];
    if (values.length > 0 && value !== '' && specs[token.name]?.multiple !== true) {
      throw new UsageError(`${token.rawName} is given twice`);
    }
    flags.set(token.name, [...values, value]);
  }
  // The help needs none of what the command needs.
  if (!flags.has('help')) checkPositionals(command, positionals);
  return {
    positionals,
    has: (name) => flags.has(name),
    value: (name) => flags.get(name)?.at(-1),
    values: (name) => flags.get(name) ?? [],
  };
}

function checkFlag(
  specs: Readonly<Record<string, IOptionSpec>>,
  name: string,
  rawName: string,
  value: string | undefined,
  inline: boolean | undefined,
): string {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) {
    const suggestion = nearest(name, Object.keys(specs));
    const hint = suggestion === undefined ? '' : `. Did you mean "--${suggestion}"?`;
    throw new UsageError(`${rawName} is no flag of this command${hint}`);
  }
  if (spec.type === 'boolean') {
    if (value === undefined) return '';
    throw new UsageError(`${rawName} takes no value`);
  }
  const isMissing = value === undefined || (inline === false && /^-./.test(value));
  if (isMissing)
    throw new UsageError(`${rawName} needs a value: ${rawName}=${spec.value ?? 'VALUE'}`);
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    const suggestion = nearest(value, spec.choices);
    const hint = suggestion === undefined ? '' : `. Did you mean "${suggestion}"?`;
    throw new UsageError(`${rawName} must be one of ${spec.choices.join(', ')}${hint}`);
  }
  return value;
}

function checkPositionals({ path, positionals }: ICommandSpec, given: readonly string[]): void {
  const needed = positionals.filter((name) => !name.startsWith('['));
  const usage = `dcrouter ${[...path, ...positionals].join(' ')}`;
  const missing = needed[given.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing: ${usage}`);
  if (positionals.at(-1)?.includes('...') === true) return;
  const surplus = given[positionals.length];
  if (surplus !== undefined) throw new UsageError(`"${surplus}" is one word too many: ${usage}`);
}
