import path from 'node:path';
import type { IAccessOptions, IAddressListOptions } from '../../ts_interfaces/index.ts';
import { readBytes, reasonOf } from '../config/read-bytes.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import { parseAddressFile } from '../net/address-list.ts';

/** Bytes of an address file: some four million addresses. */
const fileBytesMax = 67_108_864;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads the address lists of a configuration, with their files.
 *
 * @param folder what relative file names count from.
 * @returns the entries of each list by its name, for `AddressLists.set`.
 * @throws DcError `CONFIG_INVALID` with every file that cannot be read and every line that is no
 * address, by file and line.
 */
export async function loadAddressLists(
  options: IAccessOptions | undefined,
  folder: string,
): Promise<Map<string, string[]>> {
  const problems: IProblem[] = [];
  const loaded = new Map<string, string[]>();
  for (const [name, list] of Object.entries(options?.lists ?? {})) {
    loaded.set(name, await loadList(name, list, folder, problems));
  }
  if (problems.length === 0) return loaded;
  throw new DcError('CONFIG_INVALID', 'Cannot load the address lists', { problems });
}

async function loadList(
  name: string,
  { addresses = [], file }: IAddressListOptions,
  folder: string,
  problems: IProblem[],
): Promise<string[]> {
  if (file === undefined) return [...addresses];
  const place = path.resolve(folder, file);
  const at = `access.lists.${name}.file`;
  const text = await readText(place).catch((error: unknown) => {
    const reason = error instanceof DcError ? error.message : reasonOf(error);
    const message = `Must be a text file that can be read: ${reason}`;
    problems.push({ path: at, message, value: file });
    return '';
  });
  try {
    return [...addresses, ...parseAddressFile(text, place)];
  } catch (error) {
    if (!(error instanceof DcError)) throw error;
    problems.push(...error.problems.map((problem) => ({ ...problem, path: at })));
    return [];
  }
}

/** @throws DcError, or the error of the file system. */
async function readText(place: string): Promise<string> {
  const bytes = await readBytes(place, fileBytesMax);
  if (bytes !== undefined) return utf8.decode(bytes);
  const sizeMax = `${fileBytesMax / 1_048_576} MiB`;
  throw new DcError('CONFIG_UNREADABLE', `it has more than ${sizeMax}`);
}
