import type { ICertificateInfo } from '../../ts_interfaces/index.ts';
import { type TCommandRun, UsageError } from './command.ts';
import { readTextFile } from './data-file.ts';
import { savedLine, type TCell } from './output.ts';

/** `dcrouter cert list` */
export const list: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const certificates = await api.all<ICertificateInfo>('/certificates');
  output.show(certificates, () => {
    if (certificates.length === 0) return ['There are no certificates'];
    const rows = certificates.map((one): TCell[] => [
      one.domain,
      one.issuer,
      one.notAfter.slice(0, 10),
      one.warnings.length === 0
        ? { text: 'good', style: 'green' }
        : { text: one.warnings.join('; '), style: 'yellow' },
      one.origin,
    ]);
    return output.table(['DOMAIN', 'ISSUER', 'EXPIRES', 'STATE', 'ORIGIN'], rows);
  });
  return 0;
};

/** `dcrouter cert add DOMAIN --key FILE --cert FILE` */
export const add: TCommandRun = async ({ client, arguments: given, output }) => {
  const [domain] = given.positionals;
  const keyFile = given.value('key');
  const certFile = given.value('cert');
  if (keyFile === undefined) throw new UsageError('--key FILE is missing');
  if (certFile === undefined) throw new UsageError('--cert FILE is missing');
  const body = {
    domain,
    key: await readTextFile(keyFile),
    cert: await readTextFile(certFile),
  };
  const api = await client();
  const { item: info, created } = await api.save<ICertificateInfo>('POST', '/certificates', body);
  output.show(info, () => [
    `${savedLine(output, created, info.domain)} until ${info.notAfter.slice(0, 10)}`,
    ...info.warnings.map((warning) => `${output.styled('warning', 'yellow')}  ${warning}`),
  ]);
  return 0;
};

/** `dcrouter cert remove DOMAIN` */
export const remove: TCommandRun = async ({ client, arguments: given, output }) => {
  const [removed = ''] = given.positionals;
  const api = await client();
  await api.call('DELETE', `/certificates/${encodeURIComponent(removed)}`);
  output.show({ removed }, () => [`removed  ${output.styled(removed, 'bold')}`]);
  return 0;
};
