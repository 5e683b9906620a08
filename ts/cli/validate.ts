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
  const { placeProblems, refuseProblems } = await import('../config/item-problems.ts');
  const { checkSources } = await import('../dns/zones/check-sources.ts');
  const { loadAddressLists } = await import('../proxy/access-lists.ts');
  try {
    const loaded = await loadConfigFile(file);
    const { value, source } = loaded;
    const { options } = parseOptions(value, { source, mode: 'strict' });
    const folder = path.dirname(path.resolve(file));
    await loadAddressLists(options.access, folder);
    const zones = options.dns?.zones ?? [];
    const broken = await checkSources(zones, folder);
    refuseProblems(placeProblems(broken, { routes: [], certificates: [], zones }, loaded));
    const counts = {
      routes: options.web?.routes?.length ?? 0,
      tcp: options.tcp === undefined ? 0 : [options.tcp].flat().length,
      certificates: options.certificates?.length ?? 0,
      zones: zones.length,
    };
    output.show({ file, valid: true, ...counts, problems: [] }, () => {
      const told = [
        plural(counts.routes, 'route'),
        plural(counts.tcp, 'TCP entry', 'TCP entries'),
        plural(counts.certificates, 'certificate'),
        plural(counts.zones, 'zone'),
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
