import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DnssecKey, KeyFormatError } from './key.ts';
import type { IKeyStore, IStoredKeys } from './key-manager.ts';

const formatVersion = 1;

interface IKeyFile extends IStoredKeys {
  readonly version: number;
}

/**
 * Keeps the keys of one zone in one file that only its owner can read (mode 0600), the private keys
 * in it encrypted when a passphrase is given. The file is replaced as a whole and synced; its
 * folder must exist.
 */
export class KeyFile implements IKeyStore {
  private readonly path: string;
  private readonly passphrase: string | undefined;

  /** @param passphrase without it, keys are kept in the clear. */
  constructor(path: string, passphrase?: string) {
    this.path = path;
    this.passphrase = passphrase;
  }

  /** @throws KeyFormatError when the file is not ours, or the passphrase is wrong. */
  async load(): Promise<IStoredKeys | null> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
    const file = parse(text);
    if (file === null) throw new KeyFormatError(`The key file "${this.path}" is damaged`);
    if (file.version !== formatVersion) {
      throw new KeyFormatError(`The key file "${this.path}" is of version ${file.version}`);
    }
    const keys = file.keys.map((key) => {
      const read = DnssecKey.fromPem(key.pem, key.algorithm, undefined, this.passphrase);
      return { ...key, pem: read.exportPem() };
    });
    return { keys, withdrawnS: file.withdrawnS, dsGoneS: file.dsGoneS };
  }

  async save(stored: IStoredKeys): Promise<void> {
    const keys = stored.keys.map((key) => ({ ...key, pem: this.locked(key.pem, key.algorithm) }));
    const file: IKeyFile = { version: formatVersion, ...stored, keys };
    const draft = `${this.path}.new`;
    await rm(draft, { force: true });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.path);
    const folder = await open(dirname(this.path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  private locked(pem: string, algorithm: number): string {
    if (this.passphrase === undefined) return pem;
    return DnssecKey.fromPem(pem, algorithm).exportPem(this.passphrase);
  }
}

/** Null when it is not what `save` writes: without the parser's error, which quotes the text. */
function parse(text: string): IKeyFile | null {
  try {
    const file = JSON.parse(text) as Partial<IKeyFile> | null;
    const { version, keys, withdrawnS = null, dsGoneS = null } = file ?? {};
    if (typeof version !== 'number' || !Array.isArray(keys)) return null;
    return { version, keys, withdrawnS, dsGoneS };
  } catch {
    return null;
  }
}
