import type { IExtendedError } from '../codec/edns.ts';
import type { IMessage, IRecord } from '../codec/message.ts';
import { parentOf, type TName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import type { IDnsClient } from './query-handler.ts';
import type { ISections } from './sections.ts';
import type { UsualQuery } from './usual-query.ts';
import type { ZoneSet } from './zone-set.ts';

/** What somebody else says to a question. */
export interface IForeignAnswer {
  readonly rcode: number;
  readonly answer: readonly IRecord[];
  readonly authority: readonly IRecord[];
  /** Signatures prove it: AD. */
  readonly isSecure: boolean;
  /** Its text may hold what is nobody's business: clients get the code. */
  readonly extendedError: IExtendedError | null;
}

/** A question that our zones do not answer, or not to its end. */
export interface IForeignQuestion {
  readonly query: IMessage;
  readonly bytes: Buffer;
  readonly client: IDnsClient;
  /** What our zones say, and where it leads; null: they do not have the name. */
  readonly own: ISections | null;
  /** The message for an answer, behind what our zones say. */
  readonly finish: (answer: IForeignAnswer) => Buffer;
}

/** Answers names that are in none of our zones: the resolver, for clients that may use it. */
export interface IForeignAnswers {
  /** Whether names are looked up for this client: what RA says. */
  serves(client: IDnsClient): boolean;
  /**
   * Writes the answer to a usual question when it is at hand: with all flags, without OPT.
   *
   * @param question as it was read from the query.
   * @returns its length; 0: it is not at hand, or longer than `sizeMax`.
   */
  write(query: Buffer, question: UsualQuery, sizeMax: number, out: Buffer): number;
  /** Why, of what was written last; null: nothing to add. */
  readonly reason: IExtendedError | null;
  /** Looks the answer up. @returns the message; null: nothing is sent. */
  answer(question: IForeignQuestion): Promise<Buffer | null>;
}

/** Whether whoever asks us for everything has to have a name looked up elsewhere. */
export function isForeign(zones: ZoneSet, name: TName, type: number): boolean {
  const served = zones.size === 0 ? undefined : zones.closest(name);
  if (served === undefined) return true;
  // DS of a zone of ours is in the parent zone: RFC 4035 §3.1.4.1.
  if (type !== recordType.DS || served.apex.length !== name.length) return false;
  const parent = parentOf(name);
  return parent !== null && zones.closest(parent) === undefined;
}
