/** What the main thread and a thread that answers DNS tell each other. */
import type { TZoneState } from '../../../../ts_interfaces/index.ts';
import type { IPortAddress } from '../../../net/ports.ts';
import type { ISignerCopy } from '../../zones/signing/signer-replica.ts';
import type { IServePlan } from '../serve-plan.ts';
import type { IThreadCounts } from '../stats.ts';

/** What a thread is started with. */
export interface IThreadData {
  /** Threads that share the clients. */
  readonly share: number;
}

/** How addresses of a record set are drawn: see `IDraw`. */
export interface IDrawCopy {
  readonly name: Uint8Array;
  readonly type: number;
  readonly weights: readonly number[];
  readonly answers: number;
  readonly isFailed: boolean;
}

/** What signs a zone. `same`: what did before; `keys`: with other keys; `kept`: it is signed already. */
export type TSignerOrder =
  | { readonly kind: 'none' | 'same' | 'kept' }
  | { readonly kind: 'new' | 'keys'; readonly copy: ISignerCopy };

/** What of a zone's content goes with it. `whole`: what the `part` messages in front of it held. */
export type TContentOrder =
  | { readonly kind: 'absent' }
  | { readonly kind: 'whole'; readonly recordCount: number }
  | { readonly kind: 'changes'; readonly recordCount: number; readonly bytes: Uint8Array };

/** A zone, or what it has become. */
export interface IZoneOrder {
  readonly type: 'zone';
  readonly id: string;
  readonly apex: Uint8Array;
  readonly view: string | null;
  readonly state: TZoneState;
  readonly content: TContentOrder;
  readonly signer: TSignerOrder;
  readonly draws: readonly IDrawCopy[];
}

/** Lists of addresses by name. */
export type TListTexts = Readonly<Record<string, readonly string[]>>;

/** From the main thread; each is carried out before the next one. */
export type TThreadOrder =
  | { readonly type: 'plan'; readonly plan: IServePlan; readonly lists: TListTexts }
  | { readonly type: 'lists'; readonly lists: TListTexts }
  | { readonly type: 'part'; readonly bytes: Uint8Array }
  | IZoneOrder
  | { readonly type: 'removed'; readonly id: string }
  | {
      readonly type: 'bind';
      readonly key: number;
      readonly address: IPortAddress;
      /** As of `IUdpPorts.bind`. */
      readonly isLate: boolean;
    }
  | { readonly type: 'open' | 'close'; readonly key: number }
  | { readonly type: 'sync' | 'count'; readonly id: number }
  | { readonly type: 'answers'; readonly answers: readonly IAskAnswer[] }
  | { readonly type: 'stop' };

/** A query that the main thread has to answer. */
export interface IAsk {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly address: string;
}

/** Its answer; null: there is none. */
export interface IAskAnswer {
  readonly id: number;
  readonly bytes: Uint8Array | null;
}

/** From a thread. */
export type TThreadReport =
  | {
      readonly type: 'bound';
      readonly key: number;
      readonly address: string;
      readonly port: number;
    }
  | { readonly type: 'bindFailed'; readonly key: number; readonly message: string }
  | { readonly type: 'synced'; readonly id: number }
  | { readonly type: 'counts'; readonly id: number; readonly counts: IThreadCounts }
  | { readonly type: 'asks'; readonly asks: readonly IAsk[] }
  | { readonly type: 'fault'; readonly error: unknown };
