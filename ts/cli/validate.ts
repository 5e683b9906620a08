import path from 'node:path';
import { DcError, formatProblems } from '../core/errors.ts';
import { type TCommandRun, UsageError } from './command.ts';
import { configFileNames, findConfigFile } from './config-file.ts';
import { plural } from './format.ts';

/** `dcrouter validate [FILE]`: checks a file as strictly as a reload does. */
export const validate: TCommandRun = async ({ arguments: given, output }) => {
  const file = given.positionals[0] ?? given.value('config') ?? findConfigFile();
  if (file === undefined)
    throw new UsageError(`Name a file: there is no ${configFileNames.join(', ')} here`);
  const { loadConfigFile } = await import('../config/file.ts');
  const { parseOptions } = await import('../config/parse-options.ts');
  const { loadAddressLists } = await import('../proxy/access-lists.ts');
  try {
    const { value, source } = await loadConfigFile(file);
    const { options } = parseOptions(value, { source, mode: 'strict' });
    await loadAddressLists(options.access, path.dirname(path.resolve(file)));
    const counts = {
      routes: options.web?.routes?.length ?? 0,
      tcp: options.tcp === undefined ? 0 : [options.tcp].flat().length,
      certificates: options.certificates?.length ?? 0,
    };
    output.show({ file, valid: true, ...counts, problems: [] }, () => {
      const told = [
        plural(counts.routes, 'route'),
        plural(counts.tcp, 'TCP entry', 'TCP entries'),
        plural(counts.certificates, 'certificate'),
      ];
      return [`${output.styled('valid', 'green')}  ${file}: ${told.join(', ')}`];
    });
    return 0;
  } catch (error) {
    if (!(error instanceof DcError)) throw error;
    const { message } = error;
    const problems = error.problems.length > 0 ? error.problems : [{ path: '', message }];
    output.show({ file, valid: false, problems }, () => [
      ...formatProblems(problems).split('\n'),
      `${output.styled('not valid', 'red')}  ${file}: ${plural(problems.length, 'problem')}`,
    ]);
    return 1;
  }
};
