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
  if (argv.length === 0 || (argv.length === 1 && (first === '--help' || first === '-h'))) {
    const { helpFor } = await import('./help.ts');
    (argv.length === 0 ? terminal.stderr : terminal.stdout).write(helpFor([]));
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

/** Errors of the file system that say that a wrong file was named. */
const usageCodes = new Set(['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG']);

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
  // The file system's errors name the file and say what is wrong with it.
  if ('syscall' in error && 'code' in error) {
    const code = String(error.code);
    return failure(usageCodes.has(code) ? 1 : 2, code, error.message, []);
  }
  return undefined;
}

function failure(
  exitCode: number,
  code: string,
  message: string,
  problems: readonly IProblem[],
): IFailure {
  const more = problems.length === 0 ? '' : `\n${formatProblems(problems).replace(/^/gm, '  ')}`;
  return {
    exitCode,
    text: `dcrouter: ${formatProblems([{ path: '', message }])}${more}\n`,
    json: `${JSON.stringify({ error: { code, message, problems } })}\n`,
  };
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
