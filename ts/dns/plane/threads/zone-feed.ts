import { setImmediate } from 'node:timers/promises';
import { PresignedSigner } from '../../answer/presigned.ts';
import type { IAnswerSigner } from '../../answer/signer.ts';
import { ZoneSigner } from '../../dnssec/zone-signer.ts';
import type { Zone } from '../../zone/zone.ts';
import { copySigner } from '../../zones/signing/signer-replica.ts';
import type { IViewedZone } from '../view-zones.ts';
import type { TContentOrder, TSignerOrder, TThreadOrder } from './messages.ts';
import { zoneChanges, zoneParts } from './zone-bytes.ts';

/** The thread that is fed. */
export interface IFedThread {
  /** Sends it an order. */
  post(order: TThreadOrder, transfer?: readonly ArrayBuffer[]): void;
  /** A zone cannot be sent, and is SERVFAIL there. */
  refused(id: string, error: unknown): void;
  /** Nothing more can be sent: it has to be ended. */
  failed(error: unknown): void;
}

/** What a thread has of a zone. */
interface ISent {
  readonly zone: Zone | null;
  readonly signer: object | null;
  /** Of the signer. */
  readonly revision: number;
}

type TTask =
  | { readonly kind: 'zone'; readonly zone: IViewedZone }
  | { readonly kind: 'removed'; readonly id: string }
  | { readonly kind: 'order'; readonly order: TThreadOrder };

/**
 * Sends a thread all that it has to know, in order: zones whole at first, then what changes in them.
 * Of several versions of a zone that wait, the last one is sent.
 */
export class ZoneFeed {
  private readonly thread: IFedThread;
  private readonly tasks = new Map<string | number, TTask>();
  private readonly sent = new Map<string, ISent>();
  private orders = 0;
  private isRunning = false;
  private isEnded = false;

  constructor(thread: IFedThread) {
    this.thread = thread;
  }

  /** A zone came, or is another one. */
  zone(zone: IViewedZone): void {
    this.add(zone.id, { kind: 'zone', zone });
  }

  /** A zone went. */
  removed(id: string): void {
    this.add(id, { kind: 'removed', id });
  }

  /** Anything else, behind what waits already. */
  order(order: TThreadOrder): void {
    this.add(++this.orders, { kind: 'order', order });
  }

  /** Nothing is sent any more. */
  end(): void {
    this.isEnded = true;
    this.tasks.clear();
  }

  private add(key: string | number, task: TTask): void {
    if (this.isEnded) return;
    // Behind the orders that came meanwhile: they were made for what was before.
    this.tasks.delete(key);
    this.tasks.set(key, task);
    if (!this.isRunning) {
      this.run().catch((error: unknown) => {
        if (this.isEnded) return;
        this.end();
        this.thread.failed(error);
      });
    }
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    for (const [key, task] of this.tasks) {
      this.tasks.delete(key);
      await this.send(task);
    }
    this.isRunning = false;
  }

  private async send(task: TTask): Promise<void> {
    switch (task.kind) {
      case 'order':
        this.thread.post(task.order);
        return;
      case 'removed':
        if (this.sent.delete(task.id)) this.thread.post({ type: 'removed', id: task.id });
        return;
      case 'zone':
        await this.sendZone(task.zone);
    }
  }

  private async sendZone(viewed: IViewedZone): Promise<void> {
    const { id, apex, view, state } = viewed;
    const before = this.sent.get(id);
    let { served } = viewed;
    let signer: TSignerOrder = { kind: 'none' };
    try {
      signer = signerOrder(served?.signer ?? null, before);
    } catch (error) {
      // One zone that is SERVFAIL is better than a thread that ends, and each one after it.
      this.thread.refused(id, error);
      served = null;
    }
    const revision = served?.signer instanceof ZoneSigner ? served.signer.revision : 0;
    const zone = served?.zone ?? null;
    const content = await this.sendContent(zone, before?.zone ?? null);
    if (this.isEnded) return;
    this.sent.set(id, { zone, signer: served?.signer ?? null, revision });
    const draws = served?.draws ?? [];
    this.thread.post({ type: 'zone', id, apex, view, state, content, signer, draws });
  }

  private async sendContent(zone: Zone | null, older: Zone | null): Promise<TContentOrder> {
    if (zone === null) return { kind: 'absent' };
    const { recordCount } = zone;
    const bytes = older === null ? null : zoneChanges(zone, older);
    if (bytes !== null) return { kind: 'changes', recordCount, bytes };
    for (const part of zoneParts(zone)) {
      if (this.isEnded) break;
      this.thread.post({ type: 'part', bytes: part }, [part.buffer as ArrayBuffer]);
      // Queries come in between.
      await setImmediate();
    }
    return { kind: 'whole', recordCount };
  }
}

function signerOrder(signer: IAnswerSigner | null, before: ISent | undefined): TSignerOrder {
  if (signer === null) return { kind: 'none' };
  if (signer instanceof PresignedSigner) return { kind: 'kept' };
  if (!(signer instanceof ZoneSigner)) throw new Error('Nobody can copy a signer of this kind');
  if (before?.signer !== signer) return { kind: 'new', copy: copySigner(signer) };
  const isSame = before.revision === signer.revision;
  return isSame ? { kind: 'same' } : { kind: 'keys', copy: copySigner(signer) };
}
