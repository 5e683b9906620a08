import { DcError, formatProblems, type IProblem } from '../core/errors.ts';
import { findCommand, parseArguments } from './arguments.ts';
import { type IContext, type ITerminal, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { Output } from './output.ts';

/**
 * The command line: `dcrouter COMMAND …`.
 *
 * Resolves with the exit code: 0 done, 1 configuration or usage error (running it again will not
 * help), 2 failed at run time. It ends no process and throws only what is a fault of ours.
 *
 * @param argv the arguments, without node and script.
 * @param terminal @default that of the process
 */
export async function main(
  argv: readonly string[],
  terminal: ITerminal = processTerminal(),
): Promise<number> {
  const asJson = argv.includes('--json');
  try {
    return await execute(argv, terminal);
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    terminal.stderr.write(asJson ? failure.json : failure.text);
    return failure.exitCode;
  }
}

async function execute(argv: readonly string[], terminal: ITerminal): Promise<number> {
  const [first] = argv;
  if (argv.length === 1 && (first === '--version' || first === '-V')) {
    return await execute(['version'], terminal);
  }
  const group = groupOf(argv);
  if (argv.length === 0 || group !== undefined) {
    const { helpFor } = await import('./help.ts');
    (argv.length === 0 ? terminal.stderr : terminal.stdout).write(helpFor(group ?? []));
    return argv.length === 0 ? 1 : 0;
  }
  const { command, rest } = findCommand(commands, argv);
  const given = parseArguments(command, rest);
  const output = new Output(terminal, given.has('json'));
  if (given.has('help')) {
    const { helpFor } = await import('./help.ts');
    output.text(helpFor(command.path));
    return 0;
  }
  const context: IContext = {
    terminal,
    arguments: given,
    output,
    client: async () => {
      const { ApiClient, findTarget } = await import('./client.ts');
      return new ApiClient(await findTarget(given, terminal.env));
    },
  };
  const run = await command.load();
  return await run(context);
}

/** The words of `dcrouter dns --help`, of which there is no command; undefined: it is no such call. */
function groupOf(argv: readonly string[]): readonly string[] | undefined {
  const last = argv.at(-1);
  if (last !== '--help' && last !== '-h') return undefined;
  const words = argv.slice(0, -1);
  const isGroup = commands.some(
    ({ path }) => path.length > words.length && words.every((word, index) => path[index] === word),
  );
  return isGroup ? words : undefined;
}

/** Errors of the file system that say that a wrong file was named. */
const fileReasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'this user may not read it'],
  ['EPERM', 'this user may not read it'],
  ['EISDIR', 'it is a folder'],
  ['ENOTDIR', 'a part of its path is no folder'],
  ['ENAMETOOLONG', 'its name is too long'],
]);

interface IFailure {
  exitCode: number;
  text: string;
  json: string;
}

/** What a person or a program is told; undefined: a fault of ours. */
function failureOf(error: unknown): IFailure | undefined {
  if (error instanceof UsageError) return failure(1, 'USAGE', error.message, []);
  if (error instanceof DcError) {
    const exitCode = error.origin === 'config' || error.origin === 'downstream' ? 1 : 2;
    return failure(exitCode, error.code, error.message, error.problems);
  }
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'ApiUnreachable') return failure(2, 'UNREACHABLE', error.message, []);
  if (error.name === 'ApiProblem' && 'status' in error && 'code' in error && 'problems' in error) {
    const { status, code, problems, message } = error;
    const isOurs = Number(status) < 500 && status !== 429 && status !== 408;
    return failure(isOurs ? 1 : 2, String(code), message, problems as IProblem[]);
  }
  if ('syscall' in error && 'code' in error) {
    const code = String(error.code);
    const reason = fileReasons.get(code);
    if (reason === undefined || !('path' in error)) return failure(2, code, error.message, []);
    return failure(1, code, `Cannot use "${error.path}": ${reason}`, []);
  }
  return undefined;
}

function failure(
  exitCode: number,
  code: string,
  message: string,
  problems: readonly IProblem[],
): IFailure {
  return {
    exitCode,
    text: `dcrouter: ${textOf(message, problems)}\n`,
    json: `${JSON.stringify({ error: { code, message, problems } })}\n`,
  };
}

/** The message with its problems; many messages end with the first one already. */
function textOf(message: string, problems: readonly IProblem[]): string {
  const [first] = problems;
  const line = formatProblems([{ path: '', message }]);
  if (first === undefined) return line;
  const told = `${first.path === '' ? '' : `${first.path}: `}${first.message}`;
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  const isTold = message.endsWith(told + more);
  const start = isTold ? formatProblems([{ path: '', message: headOf(message, told + more) }]) : '';
  if (isTold && more === '') return start + formatProblems(problems);
  const head = isTold ? `${start}${problems.length} problems` : line;
  return `${head}\n${formatProblems(problems).replace(/^/gm, '  ')}`;
}

function headOf(message: string, end: string): string {
  return message.slice(0, message.length - end.length);
}

function processTerminal(): ITerminal {
  // `dcrouter route list | head` closes the pipe early: there is nobody left to write to.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
  };
}
