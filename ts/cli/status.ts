import { formatProblems, type IProblem } from '../core/errors.ts';
import type { TCommandRun } from './command.ts';
import { duration, plural } from './format.ts';

interface IStatus {
  version: string;
  ready: boolean;
  uptimeSeconds: number;
  entrypoints: Record<string, { address: string; port: number; tls: boolean }>;
  routes: number;
  certificates: number;
  configFile: string | null;
  configChanged: boolean | null;
  problems: IProblem[];
}

/** `dcrouter status` */
export const status: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const found = await api.call<IStatus>('GET', '/status');
  output.show(found, () => {
    const state = found.ready
      ? ({ text: 'ready', style: 'green' } as const)
      : ({ text: 'not ready', style: 'yellow' } as const);
    const changed = found.configChanged ? ' (written since: dcrouter reload)' : '';
    const lines = output.pairs([
      ['State', state],
      ['Version', found.version],
      ['Up', duration(found.uptimeSeconds)],
      ['Management', api.url],
      ['Configuration', `${found.configFile ?? 'none'}${changed}`],
      ['Routes', String(found.routes)],
      ['Certificates', String(found.certificates)],
    ]);
    const ports = Object.entries(found.entrypoints).map(([name, { address, port, tls }]) => [
      name,
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
      tls ? 'https' : 'http',
    ]);
    if (ports.length > 0)
      lines.push('', ...output.table(['ENTRYPOINT', 'ADDRESS', 'PROTOCOL'], ports));
    if (found.problems.length > 0) {
      const title = output.styled(plural(found.problems.length, 'problem'), 'red');
      lines.push('', title, ...formatProblems(found.problems).split('\n'));
    }
    return lines;
  });
  return 0;
};
