import type { ILogger } from '../../core/logger.ts';
import type { Store, TJson } from '../../storage/store.ts';
import { NameError } from '../codec/name.ts';
import { RdataError } from '../codec/tokens.ts';
import type { IBookParts } from './book-parts.ts';
import { ownedCollection, readOwned } from './owned-records.ts';
import { overlayCollection, RecordOverlay, readOverlaid } from './record-overlay.ts';
import { readStoreKey } from './record-set.ts';
import { readState, stateCollection } from './zone-state.ts';

/**
 * Reads what the store knows of zones. An item that cannot be read is left where it is, with a
 * warning in the log.
 *
 * @throws DcError `STORE_FAILED`, `STORE_CORRUPT`, `NOT_RUNNING`
 */
export async function loadZones(
  store: Store,
  { states, overlays, owned, texts, logger }: IBookParts,
): Promise<void> {
  await texts.clean();
  await readAll(store, logger, stateCollection, (key, value) => {
    const state = readState(value);
    if (state !== undefined) states.set(key, state);
    return state !== undefined;
  });
  await readAll(store, logger, overlayCollection, (key, value) => {
    const place = readStoreKey(key);
    const set = place === undefined ? undefined : readOverlaid(place, value);
    if (place === undefined || set === undefined) return false;
    const overlay = overlays.get(place.zone) ?? new RecordOverlay();
    overlays.set(place.zone, overlay);
    overlay.load(set);
    return true;
  });
  await readAll(store, logger, ownedCollection, (key, value) => {
    const set = readOwned(key, value);
    if (set !== undefined) owned.apply({ before: undefined, set });
    return set !== undefined;
  });
}

async function readAll(
  store: Store,
  logger: ILogger,
  collection: string,
  read: (key: string, value: TJson) => boolean,
): Promise<void> {
  for (const [key, value] of await store.entries(collection)) {
    let isRead = false;
    try {
      isRead = read(key, value);
    } catch (error) {
      if (!(error instanceof RdataError || error instanceof NameError)) throw error;
    }
    if (isRead) continue;
    logger.warn('zone.warning', `"${key}" of "${collection}" in the store cannot be read`, {
      collection,
      key,
    });
  }
}
