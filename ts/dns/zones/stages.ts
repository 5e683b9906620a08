/**
 * What stands between what a zone holds and what is answered: expansion (ALIAS and health records
 * become addresses) and signing. The book calls them; neither calls the book but by `onChanged`.
 *
 * `Expansion` (`./expansion/index.ts`) is made with `{ book, resolver, health, store, logger,
 * clock }`, `ZoneSigning` (`./signing/index.ts`) with `{ store, resolver, logger, bus, clock,
 * isInMemory, dataDir }`: see `IStageParts`. Both are stopped by the book.
 */
import type { IHealthRecords, IZoneOptions } from '../../../ts_interfaces/index.ts';
import type { IClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { Store } from '../../storage/store.ts';
import type { IDraw } from '../answer/draws.ts';
import type { ZoneSigner } from '../dnssec/zone-signer.ts';
import type { IResolver } from '../resolver/index.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { IRrsetChange, Zone } from '../zone/zone.ts';
import type { IHealthSource, IZoneBook } from './types.ts';

/** Which zone it is about. */
export interface IZoneIdentity {
  /** As `IHostedZone.id`. */
  readonly id: string;
  /** In wire form, in lower case. */
  readonly apex: Buffer;
  readonly options: IZoneOptions;
}

/** A record set that is answered by who lives. */
export interface IHealthRecordSet {
  /** Owner in wire form, in lower case. */
  readonly name: Buffer;
  /** A or AAAA. */
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly health: IHealthRecords;
}

/** What of a zone is not answered as it stands. */
export interface IDynamics {
  /** The rrsets of type ALIAS, in canonical order; each has one record. */
  readonly aliases: readonly IRrset[];
  readonly health: readonly IHealthRecordSet[];
}

/** What expansion makes of it. */
export interface IExpanded {
  /**
   * Laid over the source, each in place of all records of its name and type; with no rdatas it
   * takes them away, which has to be there for every ALIAS rrset. Only A, AAAA and ALIAS.
   */
  readonly changes: readonly IRrsetChange[];
  readonly draws: readonly IDraw[];
  /** For the zone's status, e.g. a target that does not resolve. */
  readonly warnings: readonly string[];
  /** Something is not known yet because nobody has been asked, as after a start. @default false */
  readonly isPending?: boolean;
}

/** Makes addresses of ALIAS and health records. */
export interface IExpansion {
  /**
   * What is known now, at once and without a walk over the zone; called for every version of a
   * zone with dynamics, also for versions that are never served. Must not throw.
   */
  expand(zone: IZoneIdentity, source: Zone, dynamics: IDynamics): IExpanded;
  /**
   * The zone is served with these dynamics from now on, instead of those before: targets that came
   * are looked up, those that went are forgotten. None (empty lists) also when the zone goes.
   */
  served(zone: IZoneIdentity, dynamics: IDynamics): void;
  /** Set by the book: call it when `expand` gives something else for this zone than before. */
  onChanged: (id: string) => void;
  stop(): Promise<void>;
}

/** How a zone is signed at present. */
export interface IZoneSigning {
  readonly signer: ZoneSigner;
  /** Whatever else changes the signed zone that a transfer carries, e.g. the denial; short. */
  readonly stamp: string;
  /**
   * Seconds after which the served serial rises though nothing has changed, so that secondaries
   * fetch fresh signatures. The book does it, and knows across restarts when it rose last.
   */
  readonly transferIntervalS: number;
}

/** Signing of a zone that may begin. */
export interface IPreparedSigning {
  /** Null: the zone is not signed. */
  readonly signing: IZoneSigning | null;
}

/** Keys and signers of the zones. */
export interface ISigning {
  /** After the store was opened, before the first `prepare`. @throws DcError `STORE_FAILED` */
  load(): Promise<void>;
  /**
   * Gets ready for a zone that comes or has other options: keys are read or made (and stored: if it
   * is discarded, the next time finds them). What is served stays as it is until `apply`.
   *
   * @param isNew the zone was never served before, so nobody has records without signatures of it.
   * @throws DcError e.g. `STORE_FAILED`
   */
  prepare(zone: IZoneIdentity, isNew?: boolean): Promise<IPreparedSigning>;
  /** From now on it is so. Never throws. */
  apply(prepared: IPreparedSigning): void;
  /** It will not be. Never throws. */
  discard(prepared: IPreparedSigning): void;
  /** Of a zone whose signing was applied; it may be another one after each `onChanged`. */
  signingOf(id: string): IZoneSigning | null;
  /** The zone is served no more; its keys stay in the store. */
  removed(id: string): void;
  /** Set by the book: call it when keys (or whether it is signed) changed; it publishes anew. */
  onChanged: (id: string) => void;
  /** Keys stay as they are from now on; resolves when what was being stored is. */
  pause(): Promise<void>;
  /** Goes on. */
  resume(): void;
  stop(): Promise<void>;
}

/** Both of them. */
export interface IStages {
  readonly expansion: IExpansion;
  readonly signing: ISigning;
}

/** What stages are made of. */
export interface IStageParts {
  readonly book: IZoneBook;
  readonly store: Store;
  readonly bus: EventBus;
  readonly logger: ILogger;
  readonly clock: IClock;
  /** Asked for ALIAS targets and DS records of parents. */
  readonly resolver: () => IResolver;
  readonly health: IHealthSource;
  /** The store keeps nothing: secrets need no encryption. */
  readonly isInMemory: boolean;
  /** Folder for the file that keys are encrypted with. */
  readonly dataDir: string | undefined;
}
