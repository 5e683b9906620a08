import { randomBytes } from 'node:crypto';
import { Slices } from '../../core/slices.ts';
import type { IStoreChange, Store } from '../../storage/store.ts';
import { formatInParts } from '../zone/master-writer.ts';
import type { Zone } from '../zone/zone.ts';

/** Where a content lies in the store: as a master file in parts. */
export interface ITextPlace {
  readonly collection: TTextCollection;
  /** Tells one text of a zone from the next. */
  readonly generation: string;
  readonly parts: number;
}

/** Imports of primaries, and what secondaries have fetched. */
export type TTextCollection = 'dns-imports' | 'dns-transfers';

/** Texts that are being written: what a crash left of them is found by it. */
const pendingCollection = 'dns-pending';

/** Characters of one item of the store: what is more would hold the process up. */
const partLength = 1 << 20;

/** Contents of zones as text in the store: in parts, so that a million records hold nobody up. */
export class ZoneTexts {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Removes what was being written when the process died. @throws DcError `STORE_FAILED` */
  async clean(): Promise<void> {
    for (const [key] of await this.store.entries(pendingCollection)) {
      const [collection, generation, ...id] = key.split(' ');
      const place = { collection: collection as TTextCollection, generation: generation ?? '' };
      const changes: IStoreChange[] = [{ collection: pendingCollection, key, value: undefined }];
      for (let part = 0; ; part++) {
        const at = { collection: place.collection, key: partKey(id.join(' '), place, part) };
        if ((await this.store.get(at.collection, at.key)) === undefined) break;
        changes.push({ ...at, value: undefined });
      }
      await this.store.write(changes);
    }
  }

  /**
   * Writes a zone as text, but for its end.
   *
   * @returns what is still to be written for it to be there, in one go with what names its place.
   * @throws DcError `STORE_FAILED`: nothing of it counts.
   */
  async save(
    id: string,
    collection: TTextCollection,
    zone: Zone,
  ): Promise<{ place: ITextPlace; changes: IStoreChange[] }> {
    const generation = randomBytes(6).toString('hex');
    const pending = { collection: pendingCollection, key: `${collection} ${generation} ${id}` };
    let parts = 0;
    let text = '';
    const slices = new Slices();
    for (const piece of formatInParts(zone)) {
      text += piece;
      if (slices.isOver) await slices.rest();
      if (text.length < partLength) continue;
      const key = partKey(id, { generation }, parts);
      const mark = parts === 0 ? [{ ...pending, value: true }] : [];
      await this.store.write([...mark, { collection, key, value: text }]);
      parts++;
      text = '';
    }
    const changes: IStoreChange[] = [
      { collection, key: partKey(id, { generation }, parts), value: text },
    ];
    if (parts > 0) changes.push({ ...pending, value: undefined });
    return { place: { collection, generation, parts: parts + 1 }, changes };
  }

  /** The text at a place; undefined when it is not there. @throws DcError `STORE_FAILED` */
  async load(id: string, place: ITextPlace): Promise<string | undefined> {
    let text = '';
    for (let part = 0; part < place.parts; part++) {
      const value = await this.store.get(place.collection, partKey(id, place, part));
      if (typeof value !== 'string') return undefined;
      text += value;
    }
    return text;
  }

  /** What removes a text. */
  removal(id: string, place: ITextPlace | undefined): IStoreChange[] {
    if (place === undefined) return [];
    const { collection, parts } = place;
    return Array.from({ length: parts }, (_, part) => {
      return { collection, key: partKey(id, place, part), value: undefined };
    });
  }
}

function partKey(id: string, { generation }: Pick<ITextPlace, 'generation'>, part: number): string {
  return `${id} ${generation} ${part}`;
}
