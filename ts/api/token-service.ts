import { randomBytes } from 'node:crypto';
import type { ITokenInfo, TScope } from '../../ts_interfaces/index.ts';
import type { IClock } from '../core/clock.ts';
import { hashToken, newToken, verifyToken } from '../core/credentials.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { ILogger } from '../core/logger.ts';
import { SerialQueue } from '../core/serial-queue.ts';
import type { IStoreChange, Store, TJson } from '../storage/store.ts';
import { ApiError } from './api-error.ts';
import {
  type ITokenInput,
  type ITokenRecord,
  tokenInputSchema,
  tokenRecordSchema,
} from './schemas/token.ts';
import { problemsOfZod } from './zod-problems.ts';

/** The store's collection. */
export const tokenCollection = 'tokens';

/** Milliseconds between two stored dates of last use. */
const lastUsedIntervalMs = 60_000;

/** What a scope includes. */
const included: Record<TScope, readonly TScope[]> = {
  read: ['read'],
  write: ['read', 'write'],
  admin: ['read', 'write', 'admin'],
};

/** A token that was just made: the only time that its secret is seen. */
export interface INewToken extends ITokenInfo {
  /** `dcr_…`: what goes into `Authorization: Bearer …`. */
  token: string;
}

/**
 * The tokens of the management port. The store holds their SHA-256 alone; a secret is 256 random
 * bits, so neither a slow hash nor a salt would add anything.
 */
export class TokenService {
  private readonly store: Store;
  private readonly clock: IClock;
  private readonly logger: ILogger;
  private readonly serial = new SerialQueue();
  private readonly byId = new Map<string, ITokenRecord>();
  private readonly byHash = new Map<string, ITokenRecord>();
  private readonly lastStored = new Map<string, number>();
  private refused: IProblem[] = [];

  constructor(store: Store, clock: IClock, logger: ILogger) {
    this.store = store;
    this.clock = clock;
    this.logger = logger;
  }

  /**
   * Reads the tokens from the store. One that cannot be understood is left out and named by
   * `problems`.
   */
  async load(): Promise<void> {
    this.byId.clear();
    this.byHash.clear();
    this.refused = [];
    for (const [id, value] of await this.store.entries(tokenCollection)) {
      const record = tokenRecordSchema.safeParse(value);
      if (record.success) this.keep(record.data);
      else
        this.refused.push(
          ...problemsOfZod(tokenRecordSchema, value, record.error, `tokens[${id}]`),
        );
    }
  }

  /** Stored tokens that cannot be understood, and are not accepted therefore. */
  problems(): readonly IProblem[] {
    return this.refused;
  }

  /** All tokens, the oldest first, the expired ones too. */
  list(): ITokenInfo[] {
    return [...this.byId.values()].map(infoOf).sort(byAge);
  }

  /**
   * Makes a token.
   *
   * @param keep called with the secret before the token is valid; when it throws, no token is made.
   * @throws ApiError `BODY_INVALID` (422); DcError `STORE_FAILED`
   */
  create(input: ITokenInput, keep?: (secret: string) => Promise<void>): Promise<INewToken> {
    return this.serial.run(async () => {
      const token = newToken();
      const record = this.newRecord(input, token);
      await keep?.(token);
      await this.store.write([tokenChange(record)]);
      this.keep(record);
      this.logger.info('token.created', `Token "${record.name}" was made`, { id: record.id });
      return { ...infoOf(record), token };
    });
  }

  /**
   * Takes a token back; the next request with it gets 401.
   * @throws DcError `TOKEN_UNKNOWN`; ApiError `LAST_ADMIN_TOKEN` (409): nobody could manage tokens
   *   any more.
   */
  remove(id: string): Promise<void> {
    return this.serial.run(async () => {
      const record = this.byId.get(id);
      if (record === undefined) throw new DcError('TOKEN_UNKNOWN', `No token has the id "${id}"`);
      if (this.isUsableAdmin(record) && this.usableAdmins() === 1) {
        throw new ApiError(
          'LAST_ADMIN_TOKEN',
          'This is the last token with the scope "admin": create another one first',
        );
      }
      await this.store.write([{ collection: tokenCollection, key: id, value: undefined }]);
      this.byId.delete(id);
      this.byHash.delete(record.hash);
      this.lastStored.delete(id);
      this.logger.info('token.removed', `Token "${record.name}" was removed`, { id });
    });
  }

  /** Whether some token that has not expired may manage tokens. */
  hasAdmin(): boolean {
    return this.usableAdmins() > 0;
  }

  /**
   * The token that a secret belongs to; undefined: none, or it has expired. Notes the use, without
   * waiting.
   *
   * Found by its hash: whoever measures how long this takes learns about hashes of what they sent,
   * not about secrets.
   */
  authenticate(secret: string): ITokenInfo | undefined {
    const record = this.byHash.get(hashToken(secret));
    if (record === undefined || !verifyToken(secret, record.hash)) return undefined;
    const now = this.clock.now();
    if (hasExpired(record, now)) return undefined;
    this.noteUse(record, now);
    return infoOf(record);
  }

  private newRecord(input: ITokenInput, token: string): ITokenRecord {
    const parsed = tokenInputSchema.safeParse(input);
    if (!parsed.success) {
      const problems = problemsOfZod(tokenInputSchema, input, parsed.error);
      throw new ApiError('BODY_INVALID', 'The token is not valid', { problems });
    }
    const now = this.clock.now();
    const { name, scopes, expiresAt } = parsed.data;
    if (expiresAt !== undefined && Date.parse(expiresAt) <= now) {
      const message = 'Must lie in the future';
      throw new ApiError('BODY_INVALID', 'The token is not valid', {
        problems: [{ path: 'expiresAt', message, value: expiresAt }],
      });
    }
    return {
      id: randomBytes(6).toString('hex'),
      name,
      scopes: [...new Set(scopes)],
      hash: hashToken(token),
      createdAt: new Date(now).toISOString(),
      ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
    };
  }

  private keep(record: ITokenRecord): void {
    this.byId.set(record.id, record);
    this.byHash.set(record.hash, record);
  }

  private noteUse(record: ITokenRecord, now: number): void {
    record.lastUsedAt = new Date(now).toISOString();
    if (now - (this.lastStored.get(record.id) ?? 0) < lastUsedIntervalMs) return;
    this.lastStored.set(record.id, now);
    this.serial
      .run(async () => {
        // It may have been removed while this waited.
        if (this.byId.get(record.id) === record) await this.store.write([tokenChange(record)]);
      })
      .catch((error: unknown) => {
        this.logger.warn('store.failed', 'Cannot note when a token was used', { error });
      });
  }

  /** Ends when what was asked before has been stored. */
  settled(): Promise<void> {
    return this.serial.run(() => undefined);
  }

  private usableAdmins(): number {
    return [...this.byId.values()].filter((record) => this.isUsableAdmin(record)).length;
  }

  private isUsableAdmin(record: ITokenRecord): boolean {
    return record.scopes.includes('admin') && !hasExpired(record, this.clock.now());
  }
}

/** Whether a token may do what needs a scope: `admin` may all, `write` may also read. */
export function grants(scopes: readonly TScope[], needed: TScope): boolean {
  return scopes.some((scope) => included[scope].includes(needed));
}

function tokenChange(record: ITokenRecord): IStoreChange {
  return { collection: tokenCollection, key: record.id, value: { ...record } satisfies TJson };
}

function hasExpired({ expiresAt }: ITokenRecord, now: number): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= now;
}

function infoOf({ hash: _hash, ...info }: ITokenRecord): ITokenInfo {
  return info;
}

function byAge(a: ITokenInfo, b: ITokenInfo): number {
  return a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0;
}
