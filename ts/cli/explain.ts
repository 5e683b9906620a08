import type { IExplanation } from '../api/explain.ts';
import { type TCommandRun, UsageError } from './command.ts';
import type { TCell } from './output.ts';
import { routeLines } from './route.ts';

/** `dcrouter route explain URL` */
export const explain: TCommandRun = async ({ client, arguments: given, output }) => {
  const headers = given.values('header').map(parseHeader);
  const query = {
    url: given.positionals[0],
    method: given.value('method'),
    ...Object.fromEntries(headers),
  };
  const api = await client();
  const found = await api.call<IExplanation>('GET', '/explain', { query });
  output.show(found, () => {
    const { method, protocol, host, path, route, verdict, candidates, candidatesTotal } = found;
    const lines = [
      `${method} ${output.styled(`${protocol}://${host}${path}`, 'bold')}`,
      output.styled(verdict, route === null ? 'red' : 'green'),
    ];
    if (candidates.length > 0) {
      const rows = candidates.map(({ routeId, vHost, fits, reasons }): TCell[] => [
        fits ? { text: 'fits', style: 'green' } : { text: 'no', style: 'red' },
        routeId,
        vHost,
        reasons.join('; '),
      ]);
      lines.push('', ...output.table(['', 'ROUTE', 'HOST', 'WHY'], rows));
      const hidden = candidatesTotal - candidates.length;
      if (hidden > 0) lines.push(`and ${hidden} more`);
    }
    if (route !== null) lines.push('', ...routeLines(route, output));
    return lines;
  });
  return 0;
};

function parseHeader(text: string): [string, string] {
  const match = /^([^:\s]+):\s*(.*)$/.exec(text);
  if (match === null) throw new UsageError(`--header must be "NAME: VALUE", not "${text}"`);
  return [`header.${match[1]}`, match[2] ?? ''];
}
