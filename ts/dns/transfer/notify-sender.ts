import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../../core/clock.ts';
import { type ILogger, silentLogger } from '../../core/logger.ts';
import { emptyMessage, type IMessage } from '../codec/message.ts';
import { opcode, rcode, rcodeName, recordClass, recordType } from '../codec/types.ts';
import { secureRandom, type TRandom } from '../resolver/random.ts';
import type { ITransport } from '../resolver/transport.ts';
import type { Zone } from '../zone/zone.ts';
import type { TsigKeys } from '../zones/tsig-keys.ts';
import type { IHostedZone, IZoneBook } from '../zones/types.ts';
import { TransferCounters } from './counters.ts';
import { Gate } from './gate.ts';
import { soaRecord } from './outgoing-records.ts';
import { askByUdp, type IPeerParts, PeerFailure, peerText, prepareQuery } from './peer-query.ts';

/** What notifications are sent with. */
export interface INotifySenderParts {
  readonly book: IZoneBook;
  readonly keys: () => TsigKeys;
  /** Whoever makes it closes it. */
  readonly transport: ITransport;
  readonly counters?: TransferCounters;
  readonly logger?: ILogger;
  readonly clock?: IClock;
  readonly random?: TRandom;
  /** Milliseconds in which several changes of a zone become one NOTIFY. @default 100 */
  readonly delayMs?: number;
}

/** How long each try waits for its answer: RFC 1996 §3.6 leaves it to us. */
const timeoutsMs = [1000, 2000, 4000, 8000, 16_000];
/** Notifications that are under way at once, to all servers. */
const activeMax = 50;

/** A server that is to know of the changes of a zone. */
interface ITarget {
  /** Of the zone. */
  readonly id: string;
  /** The peer as text. */
  readonly key: string;
  readonly peer: IZonePeer;
  /** Serial that it was told last; null: none. */
  told: number | null;
  isRunning: boolean;
  /** Why it could not be told; null: it could. */
  failure: string | null;
}

/**
 * Tells other servers of changes by NOTIFY (RFC 1996): those of a zone's `notify`, for every new
 * serial, and for each zone when it comes, so at a start.
 *
 * Of one zone to one server there is one NOTIFY at a time, and when it is answered another one if
 * the serial has changed meanwhile. It is sent up to five times, after 1, 2, 4 and 8 seconds.
 */
export class NotifySender {
  private readonly parts: INotifySenderParts;
  private readonly asking: IPeerParts;
  private readonly counters: TransferCounters;
  private readonly logger: ILogger;
  private readonly gate = new Gate(activeMax);
  /** By zone, then by what the options say of the server. */
  private readonly targets = new Map<string, Map<string, ITarget>>();
  private readonly dirty = new Set<string>();
  private leave: (() => void) | null = null;

  constructor(parts: INotifySenderParts) {
    const { transport, keys, clock = systemClock, random = secureRandom } = parts;
    this.parts = parts;
    this.asking = { transport, keys, clock, random };
    this.counters = parts.counters ?? new TransferCounters();
    this.logger = parts.logger ?? silentLogger;
  }

  /** Begins with all zones of the book. */
  start(): void {
    if (this.leave !== null) throw new Error('The sender was started already');
    this.leave = this.parts.book.follow({
      onServed: (zone) => this.changed(zone),
      onRemoved: (zone) => this.forget(zone.id),
    });
    for (const zone of this.parts.book.zones()) this.changed(zone);
  }

  /** Sends nothing more; answers that are waited for do not matter. Idempotent. */
  stop(): void {
    this.leave?.();
    this.leave = null;
    this.targets.clear();
    this.dirty.clear();
  }

  /** Tells all servers of a zone, also those that know of its serial. */
  notify(id: string): void {
    for (const target of this.targets.get(id)?.values() ?? []) target.told = null;
    const zone = this.parts.book.get(id);
    if (zone !== undefined) this.changed(zone);
  }

  private changed({ id, options }: IHostedZone): void {
    if ((options.notify ?? []).length === 0) {
      this.forget(id);
      return;
    }
    if (this.dirty.has(id)) return;
    this.dirty.add(id);
    const { delayMs = 100 } = this.parts;
    this.asking.clock.setTimeout(() => {
      if (this.dirty.delete(id)) this.tell(id);
    }, delayMs);
  }

  private forget(id: string): void {
    this.dirty.delete(id);
    this.keep(id, new Map());
  }

  /** Forgets the servers of a zone that are not wanted any more. @returns the others. */
  private keep(id: string, wanted: ReadonlyMap<string, unknown>): Map<string, ITarget> {
    const before = this.targets.get(id) ?? new Map<string, ITarget>();
    const kept = new Map([...before].filter(([key]) => wanted.has(key)));
    if (wanted.size > 0) this.targets.set(id, kept);
    else this.targets.delete(id);
    const gone = [...before.values()].filter((target) => !this.isWanted(target));
    if (gone.some(({ failure }) => failure !== null)) this.warn(id);
    return kept;
  }

  private isWanted(target: ITarget): boolean {
    return this.targets.get(target.id)?.get(target.key) === target;
  }

  private tell(id: string): void {
    const zone = this.parts.book.get(id);
    const wanted = new Map<string, IZonePeer>(
      (zone?.options.notify ?? []).map((peer) => [JSON.stringify(peer), peer] as const),
    );
    const targets = this.keep(id, wanted);
    for (const [key, peer] of wanted) {
      const known = targets.get(key);
      const target = known ?? { id, key, peer, told: null, isRunning: false, failure: null };
      targets.set(key, target);
      if (!target.isRunning) void this.run(target);
    }
  }

  /** Until the server knows the newest serial, or does not answer. */
  private async run(target: ITarget): Promise<void> {
    target.isRunning = true;
    for (;;) {
      const zone = this.current(target);
      if (zone === null || zone.serial === target.told) break;
      target.told = zone.serial;
      const failure = await this.gate.run(() => this.send(target, zone));
      if (!this.isWanted(target)) return;
      this.settle(target, failure);
    }
    target.isRunning = false;
  }

  /** What is to be told of; null: nothing, or nobody. */
  private current(target: ITarget): Zone | null {
    if (!this.isWanted(target)) return null;
    return this.parts.book.get(target.id)?.served?.zone ?? null;
  }

  /** @returns why the server could not be told; null: it was, or need not be any more. */
  private async send(target: ITarget, zone: Zone): Promise<string | null> {
    let reason = 'no answer';
    for (const timeoutMs of timeoutsMs) {
      if (!this.isWanted(target)) return null;
      try {
        const query = prepareQuery(this.asking, target.peer, messageFor(zone));
        this.counters.notifiesOut++;
        const startMs = this.asking.clock.monotonic();
        const answer = await askByUdp(this.asking, target.peer, query, timeoutMs).catch(
          (error: unknown) => {
            if (!(error instanceof PeerFailure) || !error.isUnreachable) throw error;
            reason = error.message;
            return null;
          },
        );
        // RFC 1996 §3.6: any answer ends it, and no other try would bring a better one.
        if (answer !== null) {
          return answer.rcode === rcode.NOERROR ? null : `it says ${rcodeName(answer.rcode)}`;
        }
        await this.rest(timeoutMs - (this.asking.clock.monotonic() - startMs));
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    }
    return reason;
  }

  /** A server that refuses at once is not asked again at once. */
  private async rest(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((done) => this.asking.clock.setTimeout(done, ms));
  }

  private settle(target: ITarget, failure: string | null): void {
    const { id, peer } = target;
    if (failure !== null) {
      this.counters.notifiesFailed++;
      const data = { zone: id, server: peerText(peer), reason: failure };
      this.logger.warn('dns.notifyFailed', 'A server could not be told of a change', data);
    }
    if (failure === target.failure) return;
    target.failure = failure;
    this.warn(id);
  }

  /** Says in the zone's status which servers could not be told. */
  private warn(id: string): void {
    const texts = [...(this.targets.get(id)?.values() ?? [])]
      .filter(({ failure }) => failure !== null)
      .map(({ peer, failure }) => `${peerText(peer)}: ${failure}`);
    const message = `Servers could not be told of a change: ${texts.join('; ')}`;
    this.parts.book.warn(id, 'notify', texts.length === 0 ? null : message);
  }
}

/** RFC 1996 §3.7: with the SOA, so that the other side may see whether it has to ask. */
function messageFor(zone: Zone): IMessage {
  return {
    ...emptyMessage,
    opcode: opcode.NOTIFY,
    authoritative: true,
    question: [{ name: zone.apex, type: recordType.SOA, class: recordClass.IN }],
    answer: [soaRecord(zone)],
  };
}
