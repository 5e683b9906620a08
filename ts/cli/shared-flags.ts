import type { IOptionSpec } from './command.ts';

/** `--file`: the whole item out of a file. */
export const fileFlag: IOptionSpec = {
  type: 'string',
  short: 'f',
  value: 'FILE',
  description: 'Read it from a file, JSON or YAML; "-" is standard input',
};
