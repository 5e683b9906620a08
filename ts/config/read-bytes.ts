import { open } from 'node:fs/promises';

/**
 * Reads a whole file, or undefined when it has more than `bytesMax` bytes. Pipes and devices are
 * read as well, so the size is counted while reading.
 *
 * @throws the error of the file system.
 */
export async function readBytes(file: string, bytesMax: number): Promise<Buffer | undefined> {
  const handle = await open(file, 'r');
  try {
    const parts: Buffer[] = [];
    let total = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(65_536) });
      if (bytesRead === 0) return Buffer.concat(parts, total);
      total += bytesRead;
      if (total > bytesMax) return undefined;
      parts.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  ELOOP: 'its links go in a circle',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
  ERR_INVALID_ARG_VALUE: 'its name is not valid',
};

/** Why a file could not be read, in words; never what stands in it. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? (code === '' ? 'it cannot be read' : code);
}
