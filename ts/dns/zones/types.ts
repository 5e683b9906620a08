/**
 * What hosted zones are to the parts around them: servers, transfers, updates, workers, management.
 */
import type {
  IHealthRecords,
  IOwnedRecords,
  IZoneDnssecInfo,
  IZoneInfo,
  IZoneOptions,
  TRecordOrigin,
  TZoneState,
} from '../../../ts_interfaces/index.ts';
import type { IDraw } from '../answer/draws.ts';
import type { IAnswerSigner } from '../answer/signer.ts';
import type { ZoneSigner } from '../dnssec/zone-signer.ts';
import type { Zone } from '../zone/zone.ts';

/** A version of a zone as it is answered for. */
export interface IServedVersion {
  /**
   * With ALIAS and health records made into addresses, DNSKEY and CDS; its serial is the one that
   * clients see.
   */
  readonly zone: Zone;
  /**
   * `ZoneSigner`: we sign it. A `PresignedSigner` (`answer/presigned.ts`): a secondary whose primary
   * does. Null: it is not signed.
   */
  readonly signer: ZoneSigner | IAnswerSigner | null;
  readonly draws: readonly IDraw[];
  /**
   * It has the serial of what was served before a restart, but what expansion adds to that is not
   * known yet: such names are answered with SERVFAIL, and the zone is not transferred. Seldom for
   * longer than the start takes. @default false
   */
  readonly isProvisional?: boolean;
}

/** What shall be at a name: all records of a type. */
export interface IRecordSetChange {
  /** Owner in wire form, in any case. */
  readonly name: Buffer;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  /** Uncompressed; none, and no `health`: the record set goes away. */
  readonly rdatas: readonly Buffer[];
  readonly health?: IHealthRecords;
}

/** A record set as it is stored, before ALIAS and health are made into addresses. */
export interface IRecordSet extends IRecordSetChange {
  readonly origin: TRecordOrigin;
  /** Who set records among them. */
  readonly owners: readonly string[];
}

/** A zone that is answered for with authority. */
export interface IHostedZone {
  /**
   * `example.com`, or `example.com@internal` with a view; lower case, no trailing dot; `.` for the
   * root.
   */
  readonly id: string;
  /** In wire form, in lower case. */
  readonly apex: Buffer;
  /** As `parseZone` makes them. */
  readonly options: IZoneOptions;
  readonly isSecondary: boolean;
  /** An import stands in place of what the options say. @default false */
  readonly isImported?: boolean;
  readonly state: TZoneState;
  /**
   * What changes are made to: as configured and changed, or as transferred, with ALIAS records and
   * without what signing adds; null: there is none (a secondary that was never fetched).
   */
  readonly source: Zone | null;
  /** What is answered; null while `state` is not `serving`. */
  readonly served: IServedVersion | null;
  /**
   * Versions of `served.zone` from oldest to newest, the newest last; only of zones that are not
   * signed.
   */
  readonly history: readonly Zone[];
}

/** What a listener hears of. */
export interface IZoneListener {
  /** A zone came, or what it serves (version, state) changed. Synchronous; must not throw. */
  onServed(zone: IHostedZone): void;
  /** It is answered for no more. */
  onRemoved(zone: IHostedZone): void;
}

/** The zones that are hosted, and every way to change them. */
export interface IZoneBook {
  get(id: string): IHostedZone | undefined;
  /** In the order of ids. */
  zones(): Iterable<IHostedZone>;
  /**
   * The zone with the longest apex that the name is at or below, as clients of the view see it.
   * @param view null: of no view.
   */
  closest(name: Buffer, view: string | null): IHostedZone | undefined;
  /** The zone of exactly that apex, as clients of the view see it. */
  find(apex: Buffer, view: string | null): IHostedZone | undefined;
  /** @returns a function that ends it. It hears of no zone that was there before. */
  follow(listener: IZoneListener): () => void;
  /**
   * Changes record sets, all or none: checked, stored (synced), then answered from the next query on.
   * Changes of one zone run one after another; `edit` sees the version that it changes.
   *
   * @param edit gives the new record sets (none: nothing is done); it may throw.
   * @returns the zone's serial as clients see it afterwards.
   * @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` (with every problem; also for a secondary),
   * `STORE_FAILED`; what `edit` throws.
   */
  change(
    id: string,
    origin: 'api' | 'update',
    edit: (source: Zone) => readonly IRecordSetChange[],
  ): Promise<number>;
  /**
   * Record sets in canonical order, of a name (with `below`: and all below it) and type where given.
   * With `after`: only those of that name (which need not be there) and of names behind it.
   */
  recordSets(
    id: string,
    query?: { name?: Buffer; type?: number; below?: boolean; after?: Buffer },
  ): Iterable<IRecordSet>;
  /**
   * Puts another content in place of all that a primary zone has (its overlay too), stored first.
   * @throws DcError `ZONE_INVALID` for problems of the master file, each with line and token.
   */
  import(id: string, masterFile: string | Buffer): Promise<number>;
  /**
   * The zone as a master file, in pieces. @param source `served`: with what signing and expansion
   * made. @default 'source'
   */
  export(id: string, source?: 'source' | 'served'): AsyncIterable<string>;
  /** Takes back what was changed over the file: of one record set, or of all. */
  revert(id: string, name?: Buffer, type?: number): Promise<number>;
  /**
   * A secondary was fetched (`zone`), found to be up to date (`zone` null), or is expired.
   * Kept in the store with its times, so that a restart serves it at once.
   */
  transferred(id: string, outcome: ITransferOutcome): Promise<void>;
  /** When a secondary was last in touch; undefined: never. */
  transferTimes(id: string): ITransferTimes | undefined;
  info(id: string): IZoneInfo | undefined;
  /** Keeps a warning of a part (e.g. `transfer`) in the zone's status; null takes it away. */
  warn(id: string, part: string, message: string | null): void;
}

/** What came of asking a primary. */
export type ITransferOutcome =
  | { readonly kind: 'zone'; readonly zone: Zone; readonly primary: string }
  | { readonly kind: 'current'; readonly primary: string }
  | { readonly kind: 'expired' };

/** Milliseconds since the epoch. */
export interface ITransferTimes {
  readonly checkedAt: number;
  readonly checkedWith: string;
}

/** DNSSEC of hosted zones. */
export interface IZoneKeys {
  /** @throws DcError `ZONE_UNKNOWN` */
  info(id: string): IZoneDnssecInfo;
  /**
   * Replaces the key of a role now. @throws DcError `ZONE_UNKNOWN`, `ZONE_INVALID` for a zone that
   * is not signed.
   */
  roll(id: string, role: 'ksk' | 'zsk' | 'csk'): Promise<void>;
  /**
   * Says that the parent has these DS (presentation text), where nobody can look: a rollover goes
   * on.
   */
  confirmDs(id: string, ds: readonly string[]): Promise<void>;
}

/** Who lives behind a route or TCP entry. */
export interface IHealthSource {
  /**
   * Backends of a route (its id), a TCP entry (`tcp:<entry>`) or domain config (`tcp:<entry>/<id>`);
   * undefined: there is no such thing.
   */
  backends(upstream: string): readonly IHealthBackend[] | undefined;
  /**
   * Calls when what `backends` says may have changed; more often does no harm. @returns a function
   * that ends it.
   */
  follow(listener: () => void): () => void;
}

/** A backend as DNS sees it. */
export interface IHealthBackend {
  readonly id: string;
  /** IP address or name. */
  readonly hostname: string;
  readonly weight: number;
  readonly isAlive: boolean;
}

/** Records that parts of the router set for a purpose: what the public `DNSManager` offers. */
export interface IOwnedRecordBook {
  /**
   * Adds records to a name's own, or replaces those of this owner. @throws DcError `ZONE_UNKNOWN`,
   * `ZONE_INVALID`, `STORE_FAILED`
   */
  set(records: IOwnedRecords): Promise<void>;
  /** @returns whether there were such records. */
  remove(owner: string, name: string, type: string): Promise<boolean>;
  /** Removes all records of an owner. @returns how many record sets it had. */
  removeAll(owner: string): Promise<number>;
  list(query?: { owner?: string; purpose?: string; zone?: string }): readonly IOwnedRecords[];
}
