import { hashPassword, hashToken } from '../core/credentials.ts';
import { type TCommandRun, UsageError } from './command.ts';
import { readSecret } from './prompt.ts';

/** `dcrouter config hash [--token]` */
export const hash: TCommandRun = async ({ terminal, arguments: given, output }) => {
  const isToken = given.has('token');
  const noun = isToken ? 'Token' : 'Password';
  const secret = await readSecret(terminal, `${noun}: `);
  if (secret === '') throw new UsageError(`The ${noun.toLowerCase()} is empty`);
  if (terminal.stdin.isTTY === true && !isToken) {
    const again = await readSecret(terminal, 'Again: ');
    if (again !== secret) throw new UsageError('The two passwords differ');
  }
  const hashed = isToken ? hashToken(secret) : await hashPassword(secret);
  // Most of the time it is pasted into a file, so text it stays unless JSON is asked for.
  if (given.has('json')) output.line({ hash: hashed });
  else output.text(`${hashed}\n`);
  return 0;
};
