import type { TCommandRun } from './command.ts';

interface IChange {
  path: string;
  before?: unknown;
  after?: unknown;
  effect: string;
}

/** `dcrouter reload` */
export const reload: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const result = await api.call<{ changes: IChange[] }>('POST', '/reload');
  output.show(result, () => {
    if (result.changes.length === 0) return ['Nothing has changed'];
    return output.table(['PLACE', 'CHANGE', 'EFFECT'], result.changes.map(changeRow));
  });
  return 0;
};

/** A change of the configuration as a row of a table. */
export function changeRow({ path, before, after, effect }: IChange): string[] {
  return [path, `${short(before)} → ${short(after)}`, effect];
}

/** A value in a few characters; `-` when there is none. */
function short(value: unknown): string {
  if (value === undefined) return '-';
  const text = JSON.stringify(value) ?? '-';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
