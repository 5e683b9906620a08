import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';

/** The process that listens on a port. */
export interface IPortHolder {
  pid: number;
  /** Name of its program, as a rule as the kernel cuts it: 15 characters. */
  program: string;
}

/** State of a listening socket in `/proc/net/tcp`. */
const listening = '0A';

/**
 * Finds out who listens on a TCP port, as far as the kernel lets us see.
 *
 * Resolves to null: nobody, or somebody whom we may not see, e.g. another user's process.
 */
export async function portHolder(port: number): Promise<IPortHolder | null> {
  const inodes = new Set([
    ...(await listenersOf('/proc/net/tcp', port)),
    ...(await listenersOf('/proc/net/tcp6', port)),
  ]);
  if (inodes.size === 0) return null;
  for (const entry of (await look(readdir('/proc'))) ?? []) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !(await holds(pid, inodes))) continue;
    return { pid, program: await programOf(pid) };
  }
  return null;
}

/** Node calls its main thread so, which is what the kernel then calls the process. */
const nodeThread = 'MainThread';

async function programOf(pid: number): Promise<string> {
  const name = (await look(readFile(`/proc/${pid}/comm`, 'utf8')))?.trim() ?? '';
  if (name !== nodeThread) return name;
  const file = await look(readlink(`/proc/${pid}/exe`));
  return file === undefined ? name : path.basename(file);
}

/** Inodes of the sockets that listen on a port. */
async function listenersOf(file: string, port: number): Promise<string[]> {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = (await look(readFile(file, 'latin1')))?.split('\n') ?? [];
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === listening && local.endsWith(end) ? [`socket:[${inode}]`] : [];
  });
}

async function holds(pid: number, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of (await look(readdir(folder))) ?? []) {
    if (inodes.has((await look(readlink(`${folder}/${fd}`))) ?? '')) return true;
  }
  return false;
}

/** What cannot be seen, because it belongs to another user or is gone by now, is undefined. */
async function look<TValue>(reading: Promise<TValue>): Promise<TValue | undefined> {
  try {
    return await reading;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return undefined;
  }
}
