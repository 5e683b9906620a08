import { DcError } from '../core/errors.ts';

/** The SQLite primary result codes that mean something special here (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Whether the error says that somebody else has the database locked. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === SQLITE_BUSY;
}

/**
 * What SQLite or the file system threw, as our error: `STORE_CORRUPT` where the file is damaged or
 * no database, else `STORE_FAILED`. A `DcError` stays what it is.
 *
 * @param doing what failed, e.g. `Cannot write to`; the folder follows.
 */
export function storeError(doing: string, folder: string, error: unknown): DcError {
  if (error instanceof DcError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const primary = primaryCode(error);
  const isDamaged = primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB;
  return new DcError(
    isDamaged ? 'STORE_CORRUPT' : 'STORE_FAILED',
    `${doing} the store "${folder}": ${reason}`,
    { cause: error },
  );
}

function primaryCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}
