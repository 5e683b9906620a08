import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IDnssecOptions } from '../../../../ts_interfaces/index.ts';
import { DcError } from '../../../core/errors.ts';
import type { IStoreChange, Store, TJson } from '../../../storage/store.ts';
import type { IStoredKey, IStoredKeys } from '../../dnssec/index.ts';
import { createKeySecret, readKeySecret } from './key-secret.ts';

/** What is kept of a zone's DNSSEC. */
export interface IVaultEntry {
  readonly keys: IStoredKeys;
  /** The zone was unsigned meanwhile, without anybody having had its DS. */
  readonly isOff: boolean;
  /** As it was signed last: what goes on when it is to be unsigned. */
  readonly options: IDnssecOptions;
}

/** Where keys are kept. */
export interface IKeyVaultParts {
  /** Open. */
  readonly store: Store;
  /** The store keeps nothing: secrets need no encryption. */
  readonly isInMemory: boolean;
  /** Folder of the secret. */
  readonly dataDir: string | undefined;
}

/** Collection of the store: by the zone's id. */
export const keyCollection = 'dns-keys';

const formatVersion = 1;
const cipherName = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * The DNSSEC keys of all zones in the store, encrypted with a secret of the data folder (AES-256 in
 * GCM, bound to the zone); with a store in memory they are plain.
 *
 * The secret is made with the first keys. When keys are there and it is not, or is another one,
 * nothing is made in their place: the zones in question cannot be signed until it is back.
 */
export class KeyVault {
  private readonly parts: IKeyVaultParts;
  private readonly entries = new Map<string, TJson>();
  private secret: Buffer | null = null;
  private making: Promise<Buffer> | null = null;
  private fault: DcError | null = null;
  /** What is to be stored waits for it; null: nothing waits. */
  private gate: PromiseWithResolvers<void> | null = null;
  private readonly writing = new Set<Promise<void>>();
  private isStopped = false;

  constructor(parts: IKeyVaultParts) {
    this.parts = parts;
  }

  /**
   * Reads what is stored, without looking into it. A secret that is refused is told of by `read`.
   *
   * @throws DcError `STORE_FAILED`, `STORE_CORRUPT`
   */
  async load(): Promise<void> {
    this.entries.clear();
    for (const [id, value] of await this.parts.store.entries(keyCollection)) {
      this.entries.set(id, value);
    }
    if (!this.parts.isInMemory) await this.loadSecret();
  }

  /**
   * What is kept of a zone; null: nothing.
   *
   * @throws DcError `ZONE_INVALID` when it was changed or belongs to another secret, or there is no
   *   secret to use: it is that zone alone that cannot be signed.
   */
  read(id: string): IVaultEntry | null {
    const stored = this.entries.get(id);
    if (stored === undefined) return null;
    const text = this.parts.isInMemory ? plainText(stored) : this.decrypted(id, stored);
    const entry = text === null ? null : parseEntry(text);
    if (entry === null) throw keysUnusable(id, 'They are damaged, or of another secret');
    return entry;
  }

  /**
   * Keeps it in place of what was there; resolves when it is on disk.
   *
   * @throws DcError `ZONE_INVALID` when there is no secret to use, `STORE_FAILED`, `STORE_CORRUPT`;
   *   what was there still is.
   */
  async write(id: string, entry: IVaultEntry): Promise<void> {
    const text = JSON.stringify(entry);
    const value = this.parts.isInMemory
      ? { version: formatVersion, text }
      : encrypted(id, text, await this.secretForWriting(id));
    await this.store([{ collection: keyCollection, key: id, value }]);
    this.entries.set(id, value);
  }

  /** Forgets a zone's keys for ever. @throws DcError `STORE_FAILED`, `STORE_CORRUPT` */
  async delete(id: string): Promise<void> {
    await this.store([{ collection: keyCollection, key: id, value: undefined }]);
    this.entries.delete(id);
    // Nothing is left that a lost secret was for: another one may be made.
    if (this.entries.size === 0 && this.fault !== null) await this.loadSecret();
  }

  /** What is to be stored waits from now on; resolves when what is being stored is. */
  async pause(): Promise<void> {
    this.gate ??= Promise.withResolvers();
    await Promise.allSettled(this.writing);
  }

  /** Stores what waits. */
  resume(): void {
    this.gate?.resolve();
    this.gate = null;
  }

  /** What waits is never stored: `NOT_RUNNING`. */
  stop(): void {
    this.isStopped = true;
    this.gate?.resolve();
  }

  private async store(changes: readonly IStoreChange[]): Promise<void> {
    if (this.gate !== null) {
      await this.gate.promise;
      if (this.isStopped) throw new DcError('NOT_RUNNING', 'Another process has the store');
    }
    const writing = this.parts.store.write(changes);
    this.writing.add(writing);
    try {
      await writing;
    } finally {
      this.writing.delete(writing);
    }
  }

  private async loadSecret(): Promise<void> {
    const { dataDir } = this.parts;
    if (dataDir === undefined) {
      this.fault = failure('Cannot keep DNSSEC keys without a data folder for their secret');
      return;
    }
    try {
      this.secret = await readKeySecret(dataDir);
      const isLost = this.secret === null && this.entries.size > 0;
      this.fault = isLost
        ? failure(`Cannot read the DNSSEC keys: their secret is missing in "${dataDir}"`)
        : null;
    } catch (error) {
      if (!(error instanceof DcError)) throw error;
      this.fault = error;
    }
  }

  /** All that write at once get the same one. */
  private async secretForWriting(id: string): Promise<Buffer> {
    if (this.fault !== null) throw keysUnusable(id, this.fault.message);
    if (this.secret !== null) return this.secret;
    this.making ??= createKeySecret(this.parts.dataDir as string);
    try {
      this.secret = await this.making;
      return this.secret;
    } finally {
      this.making = null;
    }
  }

  private decrypted(id: string, stored: TJson): string | null {
    if (this.fault !== null) throw keysUnusable(id, this.fault.message);
    if (this.secret === null) throw new Error('Keys were read before the secret was');
    const { version, nonce, tag, data } = membersOf(stored);
    if (version !== formatVersion) return null;
    if (typeof nonce !== 'string' || typeof tag !== 'string' || typeof data !== 'string') {
      return null;
    }
    const tagged = Buffer.from(tag, 'base64');
    const unique = Buffer.from(nonce, 'base64');
    // A shorter tag would be a weaker one, and Node takes it.
    if (tagged.length !== tagBytes || unique.length !== nonceBytes) return null;
    const cipher = createDecipheriv(cipherName, this.secret, unique, { authTagLength: tagBytes });
    cipher.setAAD(contextOf(id)).setAuthTag(tagged);
    const start = cipher.update(Buffer.from(data, 'base64'));
    try {
      return Buffer.concat([start, cipher.final()]).toString('utf8');
    } catch {
      // It was changed, or was made with another secret or for another zone: OpenSSL says no more.
      return null;
    }
  }
}

function encrypted(id: string, text: string, secret: Buffer): TJson {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(contextOf(id));
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return {
    version: formatVersion,
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

/** Keys of one zone are no keys of another. */
function contextOf(id: string): Buffer {
  return Buffer.from(`${keyCollection}/${id}`);
}

function plainText(stored: TJson): string | null {
  const { version, text } = membersOf(stored);
  return version === formatVersion && typeof text === 'string' ? text : null;
}

function membersOf(stored: TJson): { [key: string]: TJson } {
  return typeof stored === 'object' && stored !== null && !Array.isArray(stored) ? stored : {};
}

/** Null when it is not what `write` writes: without the parser's error, which quotes the text. */
function parseEntry(text: string): IVaultEntry | null {
  try {
    const { keys, isOff, options } = JSON.parse(text) as Partial<IVaultEntry>;
    if (typeof isOff !== 'boolean' || typeof options !== 'object' || options === null) return null;
    if (!Array.isArray(keys?.keys) || !keys.keys.every(isStoredKey)) return null;
    return { keys, isOff, options };
  } catch {
    return null;
  }
}

function isStoredKey(key: Partial<IStoredKey> | null): boolean {
  const { life, algorithm, pem } = key ?? {};
  return typeof life?.id === 'string' && typeof algorithm === 'number' && typeof pem === 'string';
}

/** The error of a zone whose keys cannot be used. */
export function keysUnusable(id: string, message: string): DcError {
  const problems = [{ path: 'dnssec', message }];
  return new DcError('ZONE_INVALID', `Cannot use the DNSSEC keys of "${id}"`, { problems });
}

function failure(message: string): DcError {
  return new DcError('STORE_FAILED', message);
}
