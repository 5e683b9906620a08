import { version as dcRouterVersion } from '../core/version.ts';
import type { TCommandRun } from './command.ts';

/** `dcrouter version` */
export const version: TCommandRun = async ({ arguments: given, output }) => {
  const found = { version: dcRouterVersion, node: process.version };
  // Scripts have always read this as text, so JSON it is only when it is asked for.
  if (given.has('json')) output.line(found);
  else output.text(`dcrouter ${found.version} (Node.js ${found.node})\n`);
  return 0;
};
