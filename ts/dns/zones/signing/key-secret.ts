import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { DcError } from '../../../core/errors.ts';

/** Name of the file in the data folder that holds what DNSSEC keys are encrypted with. */
export const keySecretFile = 'dns-keys.secret';

const secretBytes = 32;
/** As 64 hex digits and a line feed; a file that is longer is not ours. */
const fileBytesMax = 128;
/** Any right of the group or of others. */
const othersMode = 0o077;

/**
 * Reads the secret.
 *
 * @returns null when there is no such file.
 * @throws DcError `STORE_FAILED` when it cannot be read, is damaged, or somebody else can read it.
 */
export async function readKeySecret(dataDir: string): Promise<Buffer | null> {
  const file = path.join(dataDir, keySecretFile);
  const handle = await opened(file);
  if (handle === null) return null;
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw refused(file, 'it is no regular file');
    if ((facts.mode & othersMode) !== 0) {
      const mode = (facts.mode & 0o777).toString(8).padStart(4, '0');
      throw refused(file, `others can read it (mode ${mode}); make it 0600`);
    }
    if (facts.size > fileBytesMax) throw refused(file, 'it is damaged');
    const text = await handle.readFile('latin1');
    if (!/^[0-9a-f]{64}\n?$/.test(text)) throw refused(file, 'it is damaged');
    return Buffer.from(text.slice(0, 2 * secretBytes), 'hex');
  } finally {
    await handle.close();
  }
}

/**
 * Makes a secret and keeps it in a file of mode 0600, synced; one that is there is never replaced.
 *
 * @throws DcError `STORE_FAILED` when it cannot be written, or somebody else was faster.
 */
export async function createKeySecret(dataDir: string): Promise<Buffer> {
  const file = path.join(dataDir, keySecretFile);
  const secret = randomBytes(secretBytes);
  const draft = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    // 'wx' is O_EXCL: never through a link that somebody put there.
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${secret.toString('hex')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link, other than a rename, fails when the file is there.
    await link(draft, file);
    await syncFolder(dataDir);
  } catch (error) {
    throw new DcError('STORE_FAILED', `Cannot make the secret of DNSSEC keys "${file}"`, {
      cause: error,
    });
  } finally {
    await rm(draft, { force: true });
  }
  return secret;
}

async function opened(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'ENOENT') return null;
      if (error.code === 'ELOOP') throw refused(file, 'it is a symbolic link');
    }
    throw refused(file, 'it cannot be opened', error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function refused(file: string, why: string, cause?: unknown): DcError {
  return new DcError('STORE_FAILED', `Cannot use the secret of DNSSEC keys "${file}": ${why}`, {
    cause,
  });
}
