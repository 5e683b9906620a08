import { type IClock, type ITimer, systemClock } from '../../core/clock.ts';
import {
  cdnskeyDelete,
  cdsDelete,
  dsMatches,
  entryPointFlags,
  parseDs,
  zoneKeyFlags,
} from './dnskey.ts';
import { DnssecKey, type IKeyInfo } from './key.ts';
import {
  advance,
  defaultKeyPolicy,
  type IKeyLife,
  type IKeyPolicy,
  isEntry,
  mayRoll,
  newKeyLife,
  signsZone,
  stateOf,
  type TKeyRole,
  type TKeyState,
} from './key-schedule.ts';
import type { ISigningKeys } from './zone-signer.ts';

/** A key as it is kept. `pem` is secret. */
export interface IStoredKey {
  readonly life: IKeyLife;
  readonly algorithm: number;
  /** PKCS8. */
  readonly pem: string;
}

/** The keys of one zone, and whether it is about to be unsigned. */
export interface IStoredKeys {
  readonly keys: readonly IStoredKey[];
  /** Seconds since the epoch. */
  readonly withdrawnS: number | null;
  /** The parent was seen to have no DS any more. */
  readonly dsGoneS: number | null;
}

/** Where the keys of a zone are kept. A key is only used once `save` has resolved. */
export interface IKeyStore {
  /** Null: there are none yet. */
  load(): Promise<IStoredKeys | null>;
  /** Replaces what was there, durably or not at all. */
  save(keys: IStoredKeys): Promise<void>;
}

/** What may be shown of a key. */
export interface IManagedKeyInfo extends IKeyInfo {
  readonly role: TKeyRole;
  readonly state: TKeyState;
  /** The parent has to get its DS: nothing goes on before it is seen. */
  readonly waitsForDs: boolean;
  /** Rdata of its DNSKEY. */
  readonly rdata: Buffer;
  /** Rdata of its DS (SHA-256); null for a ZSK. */
  readonly ds: Buffer | null;
  readonly life: Readonly<IKeyLife>;
}

/** Whom the manager works for. */
export interface IKeyManagerOptions {
  /** Apex in wire form, lower case. */
  readonly zone: Buffer;
  readonly policy?: IKeyPolicy;
  readonly store: IKeyStore;
  /**
   * Nobody has records of the zone from before it was signed, so CDS and CDNSKEY ask for the DS of its
   * first key at once. @default false: they wait until nobody can have any
   */
  readonly isNew?: boolean;
  /** Gets the keys at the start and whenever what they do has changed. */
  readonly onKeys: (keys: ISigningKeys) => void;
  /** Something could not be saved; it is tried again after a minute, the keys stay as they are. */
  readonly onError: (error: unknown) => void;
}

interface IManagedKey {
  readonly life: IKeyLife;
  readonly key: DnssecKey;
}

const retryMs = 60_000;

/**
 * Makes the keys of one zone, replaces them when their time has come, and keeps them.
 *
 * ZSKs are replaced by themselves. A KSK or CSK is replaced when asked (or by its lifetime), and
 * both stay in use until the parent's DS was seen (`observeDs`). Calls take effect one after
 * another.
 */
export class KeyManager {
  private readonly zone: Buffer;
  private policy: Required<IKeyPolicy>;
  private readonly store: IKeyStore;
  private readonly isNew: boolean;
  private readonly onKeys: (keys: ISigningKeys) => void;
  private readonly onError: (error: unknown) => void;
  private readonly clock: IClock;
  private keys: readonly IManagedKey[] = [];
  private withdrawnS: number | null = null;
  private dsGoneS: number | null = null;
  private timer: ITimer | undefined;
  private isLoaded = false;
  private isRunning = false;
  private last: Promise<void> = Promise.resolve();

  constructor(options: IKeyManagerOptions, clock: IClock = systemClock) {
    this.zone = options.zone;
    this.policy = { ...defaultKeyPolicy, ...options.policy };
    this.store = options.store;
    this.isNew = options.isNew ?? false;
    this.onKeys = options.onKeys;
    this.onError = options.onError;
    this.clock = clock;
  }

  /**
   * Loads the keys, makes those that are missing, and gives them to `onKeys`.
   *
   * @throws what the store throws; `KeyFormatError` when a kept key cannot be read.
   */
  async start(): Promise<void> {
    await this.inTurn(async () => {
      await this.load();
      this.isRunning = true;
      // Keys that are there as they shall be are not written again at every start.
      const before = this.keys.length === 0 ? null : this.snapshot(this.keys);
      await this.proceed(this.copies(), before);
      if (before !== null && before === this.snapshot(this.keys)) this.onKeys(this.signingKeys);
    });
  }

  /** Ends its timer; resolves when what was being saved is. */
  async stop(): Promise<void> {
    this.isRunning = false;
    this.timer?.cancel();
    await this.last;
  }

  /** All keys, the oldest first, without secrets. */
  get info(): readonly IManagedKeyInfo[] {
    return this.keys.map(({ life, key }) => ({
      ...key.info,
      role: life.role,
      state: stateOf(life),
      waitsForDs: life.submittedS !== null && life.dsSeenS === null,
      rdata: key.rdata,
      ds: isEntry(life) ? key.ds(this.zone) : null,
      life: { ...life },
    }));
  }

  /** What the keys do now. */
  get signingKeys(): ISigningKeys {
    const published = this.keys.filter(({ life }) => life.publishedS !== null);
    const newest = published.findLast(({ life }) => isEntry(life) && life.submittedS !== null)?.key;
    const isWithdrawn = this.withdrawnS !== null;
    const cds = newest === undefined ? [] : [newest.ds(this.zone)];
    return {
      published: published.map(({ key }) => key),
      zone: published.filter(({ life }) => signsZone(life)).map(({ key }) => key),
      entry: published.filter(({ life }) => isEntry(life)).map(({ key }) => key),
      cds: isWithdrawn ? [cdsDelete] : cds,
      cdnskey: isWithdrawn ? [cdnskeyDelete] : newest === undefined ? [] : [newest.rdata],
      dnskeyTtlS: this.policy.dnskeyTtlS,
    };
  }

  /** Whether the parent is asked to remove the DS. */
  get isWithdrawn(): boolean {
    return this.withdrawnS !== null;
  }

  /**
   * Whether the zone may be served without signatures: `withdraw` was called, and nobody has its
   * DS.
   */
  get mayBeUnsigned(): boolean {
    const { parentPropagationS, dsTtlS, safetyS } = this.policy;
    const waitS = parentPropagationS + dsTtlS + safetyS;
    return this.dsGoneS !== null && this.nowS >= this.dsGoneS + waitS;
  }

  /**
   * Tells which DS records the parent has, as often as one likes.
   *
   * @param rdatas all of the DS rrset, validated; none: the parent has no DS.
   */
  async observeDs(rdatas: readonly Buffer[]): Promise<void> {
    await this.change((keys) => {
      const records = rdatas.map(parseDs).filter((ds) => ds !== null);
      for (const { life, key } of keys.filter(({ life }) => isEntry(life))) {
        const dnskey = { ...key.info, rdata: key.rdata };
        const isSeen = records.some((ds) => dsMatches(ds, this.zone, dnskey));
        if (isSeen) life.dsSeenS ??= this.nowS;
      }
      if (this.withdrawnS !== null) this.dsGoneS = records.length > 0 ? null : this.goneS;
    });
  }

  /**
   * Keeps the keys by another policy from now on, and looks at once whether something is due by it
   * (or by a clock that was set). Keys that there are stay with their algorithm and role.
   */
  async setPolicy(policy: IKeyPolicy): Promise<void> {
    await this.inTurn(async () => {
      const before = JSON.stringify(this.policy);
      this.policy = { ...defaultKeyPolicy, ...policy };
      const isOther = before !== JSON.stringify(this.policy);
      await this.load();
      await this.proceed(this.copies(), this.snapshot(this.keys));
      if (isOther) this.onKeys(this.signingKeys);
    });
  }

  /** Replaces the key of a role now; nothing happens when its successor is under way. */
  async roll(role: TKeyRole): Promise<void> {
    await this.change((keys) => {
      const lives = keys.map(({ life }) => life);
      const last = lives.findLast((life) => life.role === role);
      if (last !== undefined && mayRoll(lives, role)) last.rollAskedS ??= this.nowS;
    });
  }

  /**
   * Takes over keys, e.g. from BIND. Before the first start they are the zone's keys; later they
   * are successors of those that it has.
   */
  async adopt(
    keys: readonly { readonly key: DnssecKey; readonly role: TKeyRole }[],
  ): Promise<void> {
    await this.change((present) => {
      for (const { key, role } of keys) {
        present.push({ life: newKeyLife(this.idOf(key), role, this.nowS), key });
      }
    });
  }

  /**
   * Asks the parent to remove the DS (RFC 8078 §4); `mayBeUnsigned` tells the end. `isOn` false
   * takes it back.
   */
  async withdraw(isOn = true): Promise<void> {
    await this.change(() => {
      this.withdrawnS = isOn ? (this.withdrawnS ?? this.nowS) : null;
      this.dsGoneS = null;
    });
  }

  private get nowS(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  private get goneS(): number {
    return this.dsGoneS ?? this.nowS;
  }

  private async load(): Promise<void> {
    if (this.isLoaded) return;
    const stored = await this.store.load();
    this.keys = (stored?.keys ?? []).map(({ life, algorithm, pem }) => ({
      life: { ...life },
      key: DnssecKey.fromPem(pem, algorithm, flagsOf(life.role)),
    }));
    this.withdrawnS = stored?.withdrawnS ?? null;
    this.dsGoneS = stored?.dsGoneS ?? null;
    this.isLoaded = true;
  }

  private change(edit: (keys: IManagedKey[]) => void): Promise<void> {
    return this.inTurn(async () => {
      await this.load();
      const before = this.snapshot(this.keys);
      const { withdrawnS, dsGoneS } = this;
      const keys = this.copies();
      edit(keys);
      try {
        await this.proceed(keys, before);
      } catch (error) {
        Object.assign(this, { withdrawnS, dsGoneS });
        throw error;
      }
    });
  }

  private snapshot(keys: readonly IManagedKey[]): string {
    return JSON.stringify([this.withdrawnS, this.dsGoneS, keys.map(({ life }) => life)]);
  }

  /**
   * Moves the keys on, saves them, and only then uses them.
   *
   * @param before the state that is saved and in use; null: it is to be used anew in any case.
   */
  private async proceed(keys: IManagedKey[], before: string | null): Promise<void> {
    let current = keys;
    let nextS = Number.POSITIVE_INFINITY;
    // Each round may start, or end, a key; a zone has a handful.
    for (let round = 0; round < 8; round++) {
      const lives = current.map(({ life }) => life);
      const schedule = advance(lives, this.policy, this.nowS);
      nextS = schedule.nextS;
      current = current.filter(({ life }) => !schedule.removable.includes(life.id));
      for (const role of schedule.needed) current.push(this.create(role, current));
      if (schedule.needed.length === 0 && schedule.removable.length === 0) break;
    }
    if (before !== this.snapshot(current)) {
      await this.store.save(this.stored(current));
      this.keys = current;
      this.onKeys(this.signingKeys);
    }
    this.arm(nextS === Number.POSITIVE_INFINITY ? nextS : nextS * 1000 - this.clock.now());
  }

  private create(role: TKeyRole, present: readonly IManagedKey[]): IManagedKey {
    // All algorithms of a zone have to sign all of it: a successor has its predecessor's.
    const algorithm = present.at(-1)?.key.algorithm ?? this.policy.algorithm;
    const key = DnssecKey.generate(algorithm, flagsOf(role));
    const life = newKeyLife(this.idOf(key), role, this.nowS);
    const isFirst = this.keys.length === 0 && !present.some((other) => isEntry(other.life));
    if (this.isNew && isFirst && isEntry(life)) life.submittedS = this.nowS;
    return { life, key };
  }

  private idOf(key: DnssecKey): string {
    return `${this.nowS}-${key.algorithm}-${key.tag}`;
  }

  private stored(keys: readonly IManagedKey[]): IStoredKeys {
    const { withdrawnS, dsGoneS } = this;
    return {
      keys: keys.map(({ life, key }) => ({
        life: { ...life },
        algorithm: key.algorithm,
        pem: key.exportPem(),
      })),
      withdrawnS,
      dsGoneS,
    };
  }

  private copies(): IManagedKey[] {
    return this.keys.map(({ life, key }) => ({ life: { ...life }, key }));
  }

  private arm(delayMs: number): void {
    this.timer?.cancel();
    this.timer = undefined;
    if (!this.isRunning || delayMs === Number.POSITIVE_INFINITY) return;
    this.timer = this.clock.setTimeout(() => {
      this.inTurn(() => this.proceed(this.copies(), this.snapshot(this.keys))).catch(
        (error: unknown) => {
          this.onError(error);
          this.arm(retryMs);
        },
      );
    }, delayMs);
  }

  private inTurn(run: () => Promise<void>): Promise<void> {
    const turn = this.last.then(run);
    // The next one begins, however this one ends; its own caller hears of a failure.
    this.last = turn.then(nothing, nothing);
    return turn;
  }
}

function nothing(): void {
  // Only the end counts.
}

function flagsOf(role: TKeyRole): number {
  return role === 'zsk' ? zoneKeyFlags : entryPointFlags;
}
