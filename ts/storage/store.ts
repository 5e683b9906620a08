/** What JSON can say. */
export type TJson = string | number | boolean | null | TJson[] | { [key: string]: TJson };

/** One change: sets a key of a collection, or deletes it. */
export interface IStoreChange {
  /** Kind of the item, e.g. `routes`. */
  collection: string;
  /** Unique within the collection. Not empty, and without NUL and lone surrogates. */
  key: string;
  /** The item; `undefined` deletes (a key that is not there is no error). */
  value: TJson | undefined;
}

/**
 * Keeps JSON items in collections, durably where its driver says so.
 *
 * Calls take effect in the order in which they were made; a read sees every write before it.
 * Values are copied both ways. Whoever opens it closes it.
 */
export interface Store {
  /**
   * Makes the store usable. After `close()` it may be opened again.
   *
   * @throws DcError `STORE_LOCKED`, `STORE_CORRUPT` and `STORE_NEWER` leave everything untouched;
   *   `STORE_FAILED` when it cannot be read or written; `ALREADY_RUNNING` when it is open.
   */
  open(): Promise<void>;

  /** Ends the writes under way, then gives everything back. Harmless when it is not open. */
  close(): Promise<void>;

  /**
   * All items of a collection, ordered by their keys' UTF-8 bytes.
   *
   * @throws DcError `NOT_RUNNING`, `STORE_FAILED` or `STORE_CORRUPT`.
   */
  entries(collection: string): Promise<[key: string, value: TJson][]>;

  /**
   * One item; `undefined` when it is not there.
   *
   * @throws DcError `NOT_RUNNING`, `STORE_FAILED` or `STORE_CORRUPT`.
   */
  get(collection: string, key: string): Promise<TJson | undefined>;

  /**
   * Applies the changes in their order, all or none. Resolves when they are on disk, synced.
   *
   * @throws DcError `STORE_FAILED` (e.g. the disk is full), `STORE_CORRUPT` or `NOT_RUNNING`:
   *   none of the changes is there.
   * @throws TypeError for a key or value that cannot be stored (a programmer's error).
   */
  write(changes: readonly IStoreChange[]): Promise<void>;
}
