import { existsSync } from 'node:fs';
import type { ITokenInfo, TScope } from '../../ts_interfaces/index.ts';
import type { ITokenInput } from '../api/schemas/token.ts';
import type { INewToken } from '../api/token-service.ts';
import { systemClock } from '../core/clock.ts';
import { silentLogger } from '../core/logger.ts';
import { type IContext, type TCommandRun, UsageError } from './command.ts';

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `dcrouter token list` */
export const list: TCommandRun = async ({ client, output }) => {
  const api = await client();
  const { items } = await api.call<{ items: ITokenInfo[] }>('GET', '/tokens');
  output.show(items, () => {
    const rows = items.map(({ id, name, scopes, createdAt, expiresAt, lastUsedAt }) => [
      id,
      name,
      scopes.join(','),
      createdAt.slice(0, 10),
      expiresAt?.slice(0, 10) ?? 'never',
      lastUsedAt?.slice(0, 16).replace('T', ' ') ?? 'never',
    ]);
    return output.table(['ID', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES', 'LAST USED'], rows);
  });
  return 0;
};

/** `dcrouter token create NAME` */
export const create: TCommandRun = async (context) => {
  const { arguments: given, output } = context;
  const scopes = given.values('scope') as TScope[];
  const expires = given.value('expires');
  const input = {
    name: given.positionals[0] ?? '',
    scopes: scopes.length === 0 ? ['read' as const] : scopes,
    ...(expires === undefined ? {} : { expiresAt: parseWhen(expires, Date.now()) }),
  };
  const make = given.has('offline') ? createOffline : createOnline;
  const made = await make(context, input);
  output.show(made, () => {
    output.note('This is shown once:');
    return [made.token];
  });
  return 0;
};

async function createOnline({ client }: IContext, body: ITokenInput): Promise<INewToken> {
  const api = await client();
  return await api.call<INewToken>('POST', '/tokens', { body });
}

/** The way back in for somebody who may read the data folder and has no token. */
async function createOffline(context: IContext, input: ITokenInput): Promise<INewToken> {
  const { dataDirOf } = await import('./client.ts');
  const { SqliteStore } = await import('../storage/sqlite-store.ts');
  const { TokenService } = await import('../api/token-service.ts');
  const dataDir = dataDirOf(context.arguments, context.terminal.env);
  if (!existsSync(dataDir)) throw new UsageError(`There is no folder "${dataDir}"`);
  const store = new SqliteStore(dataDir);
  await store.open();
  try {
    const tokens = new TokenService(store, systemClock, silentLogger);
    return await tokens.create(input);
  } finally {
    await store.close();
  }
}

/** `dcrouter token revoke ID` */
export const revoke: TCommandRun = async ({ client, arguments: given, output }) => {
  const [revoked = ''] = given.positionals;
  const api = await client();
  await api.call('DELETE', `/tokens/${encodeURIComponent(revoked)}`);
  output.show({ revoked }, () => [`revoked  ${output.styled(revoked, 'bold')}`]);
  return 0;
};

/**
 * Reads a date (ISO 8601) or a time from now (`90d`, `12h`, `30m`); the answer is ISO 8601.
 * @param now milliseconds since the epoch.
 * @throws UsageError
 */
export function parseWhen(text: string, now: number): string {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  if (match !== null) {
    const unit = unitMs[match[2] as keyof typeof unitMs];
    return new Date(now + Number(match[1]) * unit).toISOString();
  }
  const isDate =
    /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/.test(text);
  const time = isDate ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new UsageError(
      `"${text}" is no time: write 90d, 12h, 30m, 2030-01-31 or 2030-01-31T12:00:00Z`,
    );
  }
  return new Date(time).toISOString();
}
