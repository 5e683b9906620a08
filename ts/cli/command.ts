import type { ApiClient } from './client.ts';
import type { Output } from './output.ts';

/** What a program reads from and writes to; tests bring their own. */
export interface ITerminal {
  stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream & { isTTY?: boolean };
  env: Readonly<Record<string, string | undefined>>;
}

/** A flag. */
export interface IOptionSpec {
  /** `--name`: there or not; or `--name VALUE`. */
  type: 'boolean' | 'string';
  /** One letter. */
  short?: string;
  /** May be given several times. */
  multiple?: boolean;
  /** What the value is called in the help. */
  value?: string;
  /** The accepted values. */
  choices?: readonly string[];
  description: string;
}

/** What came in: the flags of the command, and what was no flag. */
export interface IArguments {
  positionals: readonly string[];
  /** Whether a flag is there. */
  has(name: string): boolean;
  /** Value of a flag; the last one, when it was given several times. */
  value(name: string): string | undefined;
  /** All values of a flag. */
  values(name: string): readonly string[];
}

/** What a command works with. */
export interface IContext {
  terminal: ITerminal;
  arguments: IArguments;
  output: Output;
  /** The management API of the router that the flags, the environment or the data folder name. */
  client(): Promise<ApiClient>;
}

/**
 * Runs a command; resolves with its exit code: 0 done, 1 configuration or usage error, 2 failed at
 * run time.
 */
export type TCommandRun = (context: IContext) => Promise<number>;

/**
 * A command: what the help, the completion and the parser know of it. Its code is loaded when it
 * runs.
 */
export interface ICommandSpec {
  /** `['route', 'list']` */
  path: readonly string[];
  summary: string;
  /** Longer help, after the summary. */
  description?: string;
  /** What is no flag, as the help shows it: `ID`, `[FILE]`, `ADDRESS...` (one or more, the last). */
  positionals: readonly string[];
  options: Readonly<Record<string, IOptionSpec>>;
  /** Talks to a running router, so it takes `--url`, `--token` and `--data-dir`. */
  remote: boolean;
  load(): Promise<TCommandRun>;
}

/** A mistake in how the program was called: exit code 1. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
