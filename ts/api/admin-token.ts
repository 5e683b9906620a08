import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { TokenService } from './token-service.ts';

/**
 * Name of the file in the data folder that holds the first token; the CLI on the same machine reads
 * it.
 */
export const adminTokenFile = 'admin-token';

/** Name of the file in the data folder that says where the management port is. */
export const apiAddressFile = 'api.json';

/**
 * Makes sure that somebody can manage the router: when no usable token has the scope `admin` (so at
 * the first start), it creates one and writes it to `<dataDir>/admin-token`, which only the user
 * that runs the router can read.
 *
 * @returns the file's path when a token was made, else undefined.
 * @throws an error of the file system, or DcError `STORE_FAILED`; then there is no token.
 */
export async function ensureAdminToken(
  tokens: TokenService,
  dataDir: string,
): Promise<string | undefined> {
  if (tokens.hasAdmin()) return undefined;
  const file = path.join(dataDir, adminTokenFile);
  // The file first: a token that is valid but written nowhere would lock everybody out, for ever.
  await tokens.create({ name: 'admin (first start)', scopes: ['admin'] }, (secret) =>
    writePrivateFile(file, `${secret}\n`),
  );
  return file;
}

/**
 * Replaces a file at once, readable by its owner alone (0600) from its first byte on. Its folder is
 * made when missing.
 * @throws an error of the file system; the old file, if there was one, is still there.
 */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    // 'wx': never through a link that somebody put there.
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
