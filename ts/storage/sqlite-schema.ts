import * as fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { DcError } from '../core/errors.ts';
import { storeError } from './sqlite-errors.ts';
import { createFile, type ISqliteFiles } from './sqlite-files.ts';

/** 'dcrt': says that a database is ours. */
const applicationId = 0x64637274;

/** SQLite's smallest page. */
const pageBytesMin = 512;

/** What leads from each version of the schema to the next: entry 0 to version 1, and so on. */
const migrations = [
  `CREATE TABLE items (
     collection TEXT NOT NULL,
     key TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (collection, key)
   ) STRICT, WITHOUT ROWID`,
];

/** The schema's version that this DcRouter writes. */
export const schemaVersion = migrations.length;

/**
 * Opens the database, creating or migrating it; the caller holds the folder's lock.
 *
 * What is there is first looked at without writing, so that a database that is refused stays
 * byte for byte as it was.
 *
 * @throws DcError `STORE_CORRUPT` or `STORE_NEWER`; or what SQLite throws.
 */
export function openDatabase(files: ISqliteFiles): DatabaseSync {
  createFile(files.database);
  if (fs.statSync(files.database).size > 0) inspect(files);
  const database = new DatabaseSync(files.database, { timeout: 0 });
  try {
    // Exclusive: nobody else has business here, and the log's index stays in our memory.
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA journal_size_limit = 67108864;
      PRAGMA cell_size_check = ON;
      PRAGMA trusted_schema = OFF;
    `);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const from = numberOf(database, 'PRAGMA user_version');
  if (from === schemaVersion) return;
  const steps = migrations.slice(from).join(';');
  database.exec(`
    BEGIN IMMEDIATE;
    ${steps};
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${schemaVersion};
    COMMIT;
  `);
}

function inspect(files: ISqliteFiles): void {
  // SQLite would take what is shorter than a page for a database that is still empty.
  if (fs.statSync(files.database).size < pageBytesMin) {
    throw refusal('STORE_CORRUPT', files.folder, 'file is not a database');
  }
  const log = `${files.database}-wal`;
  const index = `${files.database}-shm`;
  const hasLog = fs.existsSync(log) && fs.statSync(log).size > 0;
  const hasIndex = fs.existsSync(index);
  const url = pathToFileURL(files.database);
  // With a log, the reader needs an index file beside it; without one, it needs to touch nothing.
  if (!hasLog) url.searchParams.set('immutable', '1');
  try {
    const database = new DatabaseSync(url, { readOnly: true });
    try {
      check(database, files.folder);
    } finally {
      database.close();
    }
  } catch (error) {
    throw storeError('Cannot use', files.folder, error);
  } finally {
    if (!hasIndex) fs.rmSync(index, { force: true });
  }
}

function check(database: DatabaseSync, folder: string): void {
  const version = numberOf(database, 'PRAGMA user_version');
  const owner = numberOf(database, 'PRAGMA application_id');
  const isEmpty = numberOf(database, 'SELECT count(*) FROM sqlite_schema') === 0;
  if (version < 0 || (owner !== applicationId && !isEmpty)) {
    throw refusal('STORE_CORRUPT', folder, 'it is the database of another program');
  }
  if (version > schemaVersion) {
    const versions = `version ${version}; this DcRouter knows up to ${schemaVersion}`;
    throw refusal('STORE_NEWER', folder, `a newer DcRouter wrote it (${versions})`);
  }
  const [finding] = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {});
  if (finding !== 'ok') throw refusal('STORE_CORRUPT', folder, String(finding));
}

function refusal(code: 'STORE_CORRUPT' | 'STORE_NEWER', folder: string, why: string): DcError {
  return new DcError(code, `Cannot use the store "${folder}": ${why}; nothing was changed`);
}

function numberOf(database: DatabaseSync, query: string): number {
  return Number(Object.values(database.prepare(query).get() ?? {})[0]);
}
