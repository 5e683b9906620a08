import { formatProblems, type IProblem } from '../core/errors.ts';
import type { TCommandRun } from './command.ts';
import { changeRow } from './reload.ts';

interface IOverlayItem {
  kind: string;
  key: string;
  change: string;
  origin: string;
}

interface IConfigDiff {
  file: {
    path: string | null;
    changes: { path: string; effect: string }[];
    problems: IProblem[];
  };
  overlay: { items: IOverlayItem[]; total: number; nextCursor: string | null };
}

/** `dcrouter config schema` */
export const schema: TCommandRun = async ({ output }) => {
  const { jsonSchema } = await import('../config/json-schema.ts');
  output.text(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return 0;
};

/** `dcrouter config show`: YAML for people. */
export const show: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const format = output.json ? 'json' : 'yaml';
  output.text(await api.text('/config/export', { format }));
  return 0;
};

/** `dcrouter config export`: YAML unless JSON is asked for, wherever it goes. */
export const exportFile: TCommandRun = async ({ client, output, arguments: given }) => {
  const api = await client();
  const format = given.value('format') ?? (given.has('json') ? 'json' : 'yaml');
  const secrets = given.has('secrets') ? 'true' : undefined;
  output.text(await api.text('/config/export', { format, secrets }));
  return 0;
};

/** `dcrouter config diff` */
export const diff: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const found = await allOf(async (cursor) => {
    return await api.call<IConfigDiff>('GET', '/config/diff', { query: { limit: 1000, cursor } });
  });
  const { file, overlay } = found;
  output.show({ file, overlay: overlay.items }, () => {
    const lines: string[] = [];
    if (file.problems.length > 0) {
      lines.push(output.styled(`${file.path} cannot be loaded`, 'red'));
      lines.push(...formatProblems(file.problems).split('\n'), '');
    }
    if (file.changes.length > 0) {
      lines.push(`Written to ${file.path} and not loaded yet:`);
      lines.push(...output.table(['PLACE', 'CHANGE', 'EFFECT'], file.changes.map(changeRow)), '');
    }
    if (overlay.items.length > 0) {
      const rows = overlay.items.map(({ kind, key, change, origin }) => [
        kind,
        key,
        change,
        origin,
      ]);
      lines.push('Changed over the API:');
      lines.push(...output.table(['KIND', 'NAME', 'CHANGE', 'ORIGIN'], rows));
    }
    return lines.length > 0 ? lines : ['What is live is what the file says'];
  });
  return 0;
};

/** Follows the pages of the overlay. */
async function allOf(page: (cursor?: string) => Promise<IConfigDiff>): Promise<IConfigDiff> {
  const first = await page();
  let { nextCursor } = first.overlay;
  while (nextCursor !== null) {
    const { overlay } = await page(nextCursor);
    first.overlay.items.push(...overlay.items);
    nextCursor = overlay.nextCursor;
  }
  return first;
}
