import { hash } from 'node:crypto';
import type { IDnssecOptions } from '../../../../ts_interfaces/index.ts';
import type { IClock } from '../../../core/clock.ts';
import {
  type IManagedKeyInfo,
  type ISigningKeys,
  type IStoredKeys,
  KeyManager,
  ZoneSigner,
} from '../../dnssec/index.ts';
import type { IZoneIdentity, IZoneSigning } from '../stages.ts';
import type { IVaultEntry, KeyVault } from './key-vault.ts';
import { policyOf, signerOptionsOf } from './signing-options.ts';

/** What a signed zone is made of. */
export interface ISignedZoneParts {
  readonly identity: IZoneIdentity;
  /** As it is to be signed; for a zone that goes on being signed only to be unsigned, as it was. */
  readonly options: IDnssecOptions;
  /** What was kept; null: keys are made. */
  readonly entry: IVaultEntry | null;
  /** Nobody has records of it from before it was signed. */
  readonly isNew: boolean;
  readonly vault: KeyVault;
  readonly clock: IClock;
  /** Its keys, or what they do, changed. Not called before `start` has resolved. */
  readonly onChanged: (zone: SignedZone) => void;
  /** Something could not be stored; it is tried again. */
  readonly onError: (zone: SignedZone, error: unknown) => void;
}

/** One zone with its keys and its signer. */
export class SignedZone {
  readonly identity: IZoneIdentity;
  private readonly parts: ISignedZoneParts;
  private readonly manager: KeyManager;
  private options: IDnssecOptions;
  private current: ZoneSigner;
  /** Null: it is to be unsigned. */
  private wanted: IDnssecOptions | null;
  /** Seconds for which others may keep a record of the zone. */
  private zoneTtlMaxS = 0;
  private isSettled = true;
  private wishes = 0;
  private isStarted = false;
  /** Counts what makes all signatures be made anew. */
  private epoch = 0;

  private constructor(parts: ISignedZoneParts) {
    const { identity, options, vault, entry, isNew, clock } = parts;
    this.identity = identity;
    this.parts = parts;
    this.options = options;
    this.wanted = options;
    const load = async (): Promise<IStoredKeys | null> => (entry === null ? null : keysOf(entry));
    const save = (keys: IStoredKeys): Promise<void> =>
      vault.write(identity.id, { keys, isOff: false, options: this.options });
    const manager = {
      zone: identity.apex,
      policy: policyOf(options),
      store: { load, save },
      isNew,
      onKeys: (keys: ISigningKeys) => this.takeKeys(keys),
      onError: (error: unknown) => parts.onError(this, error),
    };
    this.manager = new KeyManager(manager, clock);
    this.current = this.signerFor(options, noKeys);
  }

  /**
   * Reads or makes the keys.
   *
   * @throws DcError `ZONE_INVALID`, `STORE_FAILED`, `STORE_CORRUPT`; KeyFormatError for a key that cannot be read.
   */
  static async start(parts: ISignedZoneParts): Promise<SignedZone> {
    const zone = new SignedZone(parts);
    try {
      await zone.manager.start();
    } catch (error) {
      await zone.stop();
      throw error;
    }
    zone.isStarted = true;
    return zone;
  }

  /** Ends its timers; resolves when what was being stored is. */
  async stop(): Promise<void> {
    this.isStarted = false;
    await this.manager.stop();
  }

  /** How it is signed now. */
  get signing(): IZoneSigning {
    return this.signingWith(this.current);
  }

  get signer(): ZoneSigner {
    return this.current;
  }

  get keys(): readonly IManagedKeyInfo[] {
    return this.manager.info;
  }

  /** IANA's number, of all its keys. */
  get algorithm(): number | undefined {
    return this.keys.at(-1)?.algorithm;
  }

  /** How it denies that something exists. */
  get denial(): string {
    return this.current.options.denial;
  }

  /** It was to be unsigned, and nobody has its DS any more. */
  get isDone(): boolean {
    return this.wanted === null && this.manager.mayBeUnsigned;
  }

  /** It is to be unsigned. */
  get isWithdrawing(): boolean {
    return this.wanted === null || this.manager.isWithdrawn;
  }

  /** The parent was seen to point to one of its keys: it must not be unsigned at once. */
  get isTrusted(): boolean {
    return this.keys.some(({ life }) => life.dsSeenS !== null);
  }

  /** Something waits for what the parent says. */
  get waitsForParent(): boolean {
    return this.isWithdrawing || this.keys.some(({ waitsForDs }) => waitsForDs);
  }

  /** How it will be signed with other options; what is in use stays as it is. */
  candidate(options: IDnssecOptions): IZoneSigning {
    const wanted = JSON.stringify(signerOptionsOf(options));
    if (wanted === JSON.stringify(signerOptionsOf(this.options))) return this.signing;
    return this.signingWith(this.signerFor(options, this.manager.signingKeys));
  }

  /**
   * Is signed so from now on: the keys follow in the background, and again when it failed.
   *
   * @param options null: it is to be unsigned as soon as that may be.
   * @param signing as `candidate` gave it.
   */
  apply(options: IDnssecOptions | null, { signer }: IZoneSigning): void {
    this.wanted = options;
    if (options !== null) this.options = options;
    if (signer !== this.current) {
      this.current = signer;
      signer.setKeys(this.manager.signingKeys);
    }
    void this.settle();
  }

  /** Takes up what could not be stored; looks at what is due by a clock that was set. */
  async settle(isForced = true): Promise<void> {
    if (!this.isStarted || (this.isSettled && !isForced)) return;
    this.isSettled = false;
    const wish = ++this.wishes;
    try {
      await this.toWanted();
      // What was asked for meanwhile may fail.
      if (wish === this.wishes) this.isSettled = true;
    } catch (error) {
      this.parts.onError(this, error);
    }
  }

  /** Others may keep its records for that long: keys that go have to stay for longer. */
  keepsFor(ttlS: number): void {
    if (ttlS <= this.zoneTtlMaxS) return;
    this.zoneTtlMaxS = ttlS;
    void this.settle();
  }

  /** Makes all signatures anew, also those that secondaries have. */
  refresh(): void {
    this.epoch++;
    this.current.forget();
    void this.settle();
    this.parts.onChanged(this);
  }

  /** The parent has these DS. @throws DcError `STORE_FAILED` */
  observeDs(rdatas: readonly Buffer[]): Promise<void> {
    return this.manager.observeDs(rdatas);
  }

  /** @throws DcError `STORE_FAILED` */
  roll(role: 'ksk' | 'zsk' | 'csk'): Promise<void> {
    return this.manager.roll(role);
  }

  private async toWanted(): Promise<void> {
    const { manager, wanted } = this;
    if (wanted === null) {
      if (!manager.isWithdrawn) await manager.withdraw();
      return;
    }
    if (manager.isWithdrawn) await manager.withdraw(false);
    await manager.setPolicy(policyOf(wanted, this.zoneTtlMaxS));
    // A CSK becomes a KSK and a ZSK, or the other way round, by the next rollover.
    const newest = this.keys.findLast(({ role }) => role !== 'zsk');
    const role = wanted.keys === 'ksk-zsk' ? 'ksk' : 'csk';
    if (newest !== undefined && newest.role !== role) await manager.roll(newest.role);
  }

  private takeKeys(keys: ISigningKeys): void {
    this.current.setKeys(keys);
    if (this.isStarted) this.parts.onChanged(this);
  }

  private signerFor(options: IDnssecOptions, keys: ISigningKeys): ZoneSigner {
    return new ZoneSigner(this.identity.apex, keys, signerOptionsOf(options), this.parts.clock);
  }

  private signingWith(signer: ZoneSigner): IZoneSigning {
    const { denial, validityS } = signer.options;
    const { zone, entry } = this.manager.signingKeys;
    const tags = [zone, entry].map((keys) => keys.map(({ tag }) => tag));
    const stamp = hash('sha256', JSON.stringify([denial, validityS, tags, this.epoch])).slice(
      0,
      16,
    );
    return { signer, stamp, transferIntervalS: signer.transferIntervalS };
  }
}

const noKeys: ISigningKeys = {
  published: [],
  zone: [],
  entry: [],
  cds: [],
  cdnskey: [],
  dnskeyTtlS: 0,
};

/** Keys of a zone that was unsigned meanwhile begin their life anew: others have forgotten them. */
function keysOf({ keys, isOff }: IVaultEntry): IStoredKeys {
  if (!isOff) return keys;
  const inUse = keys.keys.filter(({ life }) => life.signingEndS === null && life.dsEndS === null);
  const anew = {
    publishedS: null,
    signingS: null,
    submittedS: null,
    dsSeenS: null,
    rollAskedS: null,
  };
  return {
    keys: inUse.map((key) => ({ ...key, life: { ...key.life, ...anew } })),
    withdrawnS: null,
    dsGoneS: null,
  };
}
