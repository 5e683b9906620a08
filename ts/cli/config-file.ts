import { existsSync } from 'node:fs';

/** Names that a configuration file has in the current folder, when none is given. */
export const configFileNames: readonly string[] = [
  'dcrouter.yaml',
  'dcrouter.yml',
  'dcrouter.json',
];

/** The configuration file in the current folder; undefined: there is none. */
export function findConfigFile(): string | undefined {
  return configFileNames.find((name) => existsSync(name));
}
