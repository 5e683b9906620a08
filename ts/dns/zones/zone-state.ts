import type { IStoreChange, TJson } from '../../storage/store.ts';
import { isStored, type TStored } from './record-set.ts';
import type { ITextPlace } from './zone-texts.ts';

/** What is known of a zone across restarts. */
export interface IZoneState {
  /** That clients see, or saw last; null: it was never answered for. */
  readonly serial: number | null;
  /** Digest of the base that it stands for. */
  readonly base: string;
  /** Digest of what expansion and signing added. */
  readonly dynamic: string;
  /** When the serial rose last, in milliseconds since the epoch. */
  readonly changedAtMs: number;
  /** Content that was imported or transferred. */
  readonly text?: ITextPlace | undefined;
  /** Secondaries: when it was last found to be up to date, in milliseconds since the epoch. */
  readonly checkedAtMs?: number | undefined;
  readonly checkedWith?: string | undefined;
  readonly isExpired?: boolean | undefined;
}

/** Collection of the store. */
export const stateCollection = 'dns-zone-states';

/** Of a zone that was never there. */
export const newState: IZoneState = { serial: null, base: '', dynamic: '', changedAtMs: 0 };

/** What stores a state. */
export function stateChange(id: string, state: IZoneState): IStoreChange {
  return { collection: stateCollection, key: id, value: JSON.parse(JSON.stringify(state)) };
}

/** A state as it was stored; undefined when it is none. */
export function readState(value: TJson): IZoneState | undefined {
  if (!isStored(value)) return undefined;
  const { serial, base, dynamic, changedAtMs } = value;
  if (serial !== null && !isSerial(serial)) return undefined;
  if (typeof base !== 'string' || typeof dynamic !== 'string') return undefined;
  const times = typeof changedAtMs === 'number' ? changedAtMs : 0;
  return { serial, base, dynamic, changedAtMs: times, ...readRest(value) };
}

function readRest({ text, checkedAtMs, checkedWith, isExpired }: TStored): Partial<IZoneState> {
  return {
    ...(isTextPlace(text) && { text: text as unknown as ITextPlace }),
    ...(typeof checkedAtMs === 'number' && { checkedAtMs }),
    ...(typeof checkedWith === 'string' && { checkedWith }),
    ...(isExpired === true && { isExpired }),
  };
}

function isTextPlace(value: TJson | undefined): boolean {
  if (!isStored(value)) return false;
  const { collection, generation, parts } = value;
  const isKnown = collection === 'dns-imports' || collection === 'dns-transfers';
  return isKnown && typeof generation === 'string' && typeof parts === 'number';
}

function isSerial(value: TJson | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}
