import type { ITcpEntryInfo, IWorkerInfo } from '../../ts_interfaces/index.ts';
import { formatProblems, type IProblem } from '../core/errors.ts';
import { spellPlace } from '../net/ip.ts';
import type { ApiClient } from './client.ts';
import type { TCommandRun } from './command.ts';
import { amount, bytes, duration, plural } from './format.ts';
import type { Output, TCell } from './output.ts';
import { entryTable } from './tcp.ts';

/** TCP entries that are shown; `dcrouter tcp list` has all. */
const entriesMax = 20;

interface IStatus {
  version: string;
  ready: boolean;
  uptimeSeconds: number;
  entrypoints: Record<string, { address: string; port: number; tls: boolean }>;
  routes: number;
  certificates: number;
  tcp: number;
  access: number;
  limits: number;
  zones: number;
  dns: Record<string, { address: string; port: number; tls: boolean }>;
  workers: IWorkerInfo[];
  configFile: string | null;
  configChanged: boolean | null;
  problems: IProblem[];
}

/** `dcrouter status` */
export const status: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const found = await api.call<IStatus>('GET', '/status');
  // Programs get the status as the router tells it, with the number of entries alone.
  const entries = output.json ? [] : await entriesOf(api, found);
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
      ['TCP entries', String(found.tcp)],
      ['Address lists', String(found.access)],
      ['Rate limits', String(found.limits)],
      ['DNS zones', String(found.zones)],
    ]);
    const ports = Object.entries(found.entrypoints).map(([name, where]) => [
      name,
      spellPlace(where.address, where.port),
      where.tls ? 'https' : 'http',
    ]);
    for (const [name, where] of Object.entries(found.dns)) {
      const protocol = where.tls ? 'dns over tls' : 'dns';
      ports.push([`dns:${name}`, spellPlace(where.address, where.port), protocol]);
    }
    if (ports.length > 0)
      lines.push('', ...output.table(['ENTRYPOINT', 'ADDRESS', 'PROTOCOL'], ports));
    if (entries.length > 0) lines.push('', ...entryTable(entries, output));
    const hidden = found.tcp - entries.length;
    if (hidden > 0)
      lines.push(`and ${plural(hidden, 'more entry', 'more entries')}: dcrouter tcp list`);
    if (found.workers.length > 0) lines.push('', ...workerTable(found.workers, output));
    if (found.problems.length > 0) {
      const title = output.styled(plural(found.problems.length, 'problem'), 'red');
      lines.push('', title, ...formatProblems(found.problems).split('\n'));
    }
    return lines;
  });
  return 0;
};

async function entriesOf(api: ApiClient, { tcp }: IStatus): Promise<ITcpEntryInfo[]> {
  if (tcp === 0) return [];
  const query = { limit: entriesMax };
  const page = await api.call<{ items: ITcpEntryInfo[] }>('GET', '/tcp', { query });
  return page.items;
}

function workerTable(workers: readonly IWorkerInfo[], output: Output): string[] {
  const rows = workers.map((one): TCell[] => [
    String(one.worker),
    one.pid === null ? '-' : String(one.pid),
    { text: one.state, style: one.state === 'serving' ? 'green' : 'yellow' },
    amount(one.connections),
    one.rssBytes === 0 ? '-' : bytes(one.rssBytes),
    one.restarts === 0 ? '0' : { text: amount(one.restarts), style: 'yellow' },
    one.startedAt?.slice(0, 19).replace('T', ' ') ?? '-',
  ]);
  const head = ['WORKER', 'PID', 'STATE', 'CONNECTIONS', 'MEMORY', 'RESTARTS', 'STARTED'];
  return output.table(head, rows);
}
