import type { UsualQuery } from '../answer/usual-query.ts';
import { headerBytes } from '../codec/message.ts';
import type { ICacheEntry } from '../resolver/cache.ts';
import type { CachingResolver } from '../resolver/caching-resolver.ts';
import type { IPackedAnswer } from '../resolver/packed-answer.ts';

/** An answer that was given to a question. */
export interface IRecentAnswer {
  /** Whose entry it is. */
  readonly owner: CachingResolver;
  readonly entry: ICacheEntry;
  /** What was written of it; its question is for the very name. */
  readonly packed: IPackedAnswer;
}

interface IPlace extends IRecentAnswer {
  readonly nameHash: number;
  readonly nameLength: number;
  readonly type: number;
  readonly dnssec: boolean;
  readonly checkingDisabled: boolean;
}

/** A power of two. */
const placesMax = 16_384;
/** Longer answers are not kept: they would outlive the cache's limit here. */
export const recentBytesMax = 1_500;

/**
 * What was answered lately, found by the hash of the question as it came: without making a key and a
 * name, which is most of what a hit in the resolver's cache costs. Whether an entry is still good its
 * owner says.
 */
export class RecentAnswers {
  private readonly places = new Array<IPlace | null>(placesMax).fill(null);

  /** The answer to this very question; null: there is none. */
  find(question: UsualQuery, checkingDisabled: boolean): IRecentAnswer | null {
    const { nameHash, nameLength, type, dnssec, name } = question;
    const place = this.places[placeOf(nameHash, type)] as IPlace | null;
    if (place === null || place.nameHash !== nameHash || place.nameLength !== nameLength)
      return null;
    if (place.type !== type || place.dnssec !== dnssec) return null;
    if (place.checkingDisabled !== checkingDisabled) return null;
    const { bytes } = place.packed;
    for (let at = 0; at < nameLength; at++) if (bytes[headerBytes + at] !== name[at]) return null;
    return place;
  }

  /** Keeps it, in place of what was there. */
  keep({
    question: { nameHash, nameLength, type, dnssec },
    ...answer
  }: IRecentAnswer & { question: UsualQuery; checkingDisabled: boolean }): void {
    const place = { ...answer, nameHash, nameLength, type, dnssec };
    this.places[placeOf(nameHash, type)] = place;
  }
}

function placeOf(nameHash: number, type: number): number {
  const mixed = Math.imul(nameHash ^ type, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & (placesMax - 1);
}
