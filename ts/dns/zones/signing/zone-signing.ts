import type { IZoneDnssecInfo } from '../../../../ts_interfaces/index.ts';
import { DcError } from '../../../core/errors.ts';
import { algorithmOf, KeyFormatError } from '../../dnssec/index.ts';
import { runStepsGently } from '../../zone/steps.ts';
import type { Zone } from '../../zone/zone.ts';
import type {
  IPreparedSigning,
  ISigning,
  IStageParts,
  IZoneIdentity,
  IZoneSigning,
} from '../stages.ts';
import type { IHostedZone, IZoneBook, IZoneKeys } from '../types.ts';
import { zoneUnknown } from '../zone-base.ts';
import { DsWatch } from './ds-watch.ts';
import { dsText, dsWanted, isOfKeys, keyInfo, parseGiven } from './key-info.ts';
import { type IVaultEntry, KeyVault, keysUnusable } from './key-vault.ts';
import { parentDs, type TParentDs } from './parent-ds.ts';
import { SignedZone } from './signed-zone.ts';
import { algorithmWanted, dnssecOf } from './signing-options.ts';
import { SigningRounds } from './signing-rounds.ts';

/** What signing needs of the parts around it. */
export interface ISigningParts
  extends Pick<IStageParts, 'store' | 'logger' | 'clock' | 'resolver' | 'isInMemory' | 'dataDir'> {
  readonly book: Pick<IZoneBook, 'closest' | 'follow' | 'warn'>;
}

const warmMs = 86_400_000;
/** Owners between two pauses. */
const ownersPerStep = 500;

/** A zone that was prepared. */
class PreparedSigning implements IPreparedSigning {
  readonly signing: IZoneSigning | null;
  readonly zone: IZoneIdentity;
  /** Has its keys; null: there are none, or they are not needed any more. */
  readonly signed: SignedZone | null;
  /** It was made by `prepare`. */
  readonly isNew: boolean;
  /** Keys that are stored and not used: as long as nobody relied on them. */
  readonly unused: IVaultEntry | null;

  constructor(
    zone: IZoneIdentity,
    signed: SignedZone | null,
    signing: IZoneSigning | null,
    more: { isNew?: boolean; unused?: IVaultEntry | null } = {},
  ) {
    this.zone = zone;
    this.signed = signed;
    this.signing = signing;
    this.isNew = more.isNew ?? false;
    this.unused = more.unused ?? null;
  }
}

interface IHosted {
  readonly zone: IZoneIdentity;
  signed: SignedZone | null;
}

/**
 * Keys and signers of all zones.
 *
 * A zone that is not to be signed any more stays signed until the parent has no DS of it, when one
 * was ever seen there; its keys are then deleted. A zone whose DS was never seen is unsigned at
 * once, and its keys are kept for when it is signed again.
 */
export class ZoneSigning implements ISigning, IZoneKeys {
  onChanged: (id: string) => void = () => undefined;
  private readonly parts: ISigningParts;
  private readonly vault: KeyVault;
  private readonly watch: DsWatch;
  private readonly rounds: SigningRounds;
  private readonly hosted = new Map<string, IHosted>();
  /** What has to end before the zone of an id is prepared. */
  private readonly leaving = new Map<string, Promise<void>>();
  /** Zones that were prepared and neither applied nor discarded: they are not unsigned meanwhile. */
  private readonly held = new Map<SignedZone, number>();
  /** On the clock's `monotonic()`: when a signer's zone is looked through again. */
  private readonly warmed = new WeakMap<object, number>();
  /** By zone: what was logged last of its keys, and which warning. */
  private readonly told = new Map<string, string>();
  private readonly warned = new Map<string, string>();
  private unfollow: (() => void) | null = null;

  constructor(parts: ISigningParts) {
    const { clock, book, resolver } = parts;
    this.parts = parts;
    this.vault = new KeyVault(parts);
    this.watch = new DsWatch({
      book,
      resolver,
      clock,
      onSeen: (zone, seen) => this.onSeen(zone, seen),
    });
    const work = {
      zones: () => this.signedZones(),
      tend: (zone: SignedZone) => this.tend(zone),
      clockWasSet: () => {
        for (const zone of this.signedZones()) zone.refresh();
      },
    };
    this.rounds = new SigningRounds(work, clock);
  }

  async load(): Promise<void> {
    await this.vault.load();
    this.unfollow ??= this.parts.book.follow({
      onServed: (zone) => this.warm(zone),
      onRemoved: () => undefined,
    });
  }

  async prepare(zone: IZoneIdentity, isNew = false): Promise<IPreparedSigning> {
    await this.leaving.get(zone.id);
    const current = this.hosted.get(zone.id)?.signed ?? null;
    const prepared =
      current === null
        ? await this.prepareNew(zone, isNew)
        : await this.prepareAgain(zone, current);
    this.hold(prepared.signed, 1);
    return prepared;
  }

  apply(prepared: IPreparedSigning): void {
    if (!(prepared instanceof PreparedSigning)) throw new TypeError('It was prepared elsewhere');
    const { zone, signed, signing, unused } = prepared;
    this.hold(signed, -1);
    const isSigned = signed !== null && signing !== null;
    this.hosted.set(zone.id, { zone, signed: isSigned ? signed : null });
    if (isSigned) {
      signed.apply(dnssecOf(zone.options), signing);
      this.rounds.start();
      // The book has the zone when the caller is through, and takes warnings then.
      queueMicrotask(() => {
        if (this.hosted.get(zone.id)?.signed === signed) this.tell(signed);
      });
      return;
    }
    this.warn(zone.id, null);
    if (signed !== null) this.leave(zone.id, () => this.putAway(zone.id, signed));
    else if (unused !== null) this.leave(zone.id, () => this.markUnused(zone.id, unused));
  }

  discard(prepared: IPreparedSigning): void {
    if (!(prepared instanceof PreparedSigning)) throw new TypeError('It was prepared elsewhere');
    const { zone, signed, isNew } = prepared;
    this.hold(signed, -1);
    if (signed !== null && isNew) this.leave(zone.id, () => signed.stop());
  }

  signingOf(id: string): IZoneSigning | null {
    return this.hosted.get(id)?.signed?.signing ?? null;
  }

  removed(id: string): void {
    const signed = this.hosted.get(id)?.signed ?? null;
    this.hosted.delete(id);
    this.told.delete(id);
    this.warned.delete(id);
    if (signed === null) return;
    this.watch.forget(signed);
    this.leave(id, () => signed.stop());
  }

  pause(): Promise<void> {
    return this.vault.pause();
  }

  resume(): void {
    this.vault.resume();
  }

  async stop(): Promise<void> {
    this.vault.stop();
    this.unfollow?.();
    this.unfollow = null;
    this.rounds.stop();
    const zones = [...this.signedZones()];
    for (const zone of zones) this.watch.forget(zone);
    await this.watch.idle();
    await Promise.all([...zones.map((zone) => zone.stop()), ...this.leaving.values()]);
    this.hosted.clear();
  }

  info(id: string): IZoneDnssecInfo {
    const { signed } = this.hostedOf(id);
    if (signed === null) {
      return { zone: id, enabled: false, denial: null, keys: [], ds: [], withdrawing: false };
    }
    return {
      zone: id,
      enabled: true,
      denial: signed.denial,
      keys: signed.keys.map(keyInfo),
      ds: signed.isWithdrawing ? [] : dsWanted(signed.keys).map(dsText),
      withdrawing: signed.isWithdrawing,
    };
  }

  async roll(id: string, role: 'ksk' | 'zsk' | 'csk'): Promise<void> {
    const signed = this.signedOf(id);
    if (signed.isWithdrawing) {
      throw new DcError('ZONE_INVALID', `Cannot roll keys of "${id}": it is to be unsigned`);
    }
    if (!signed.keys.some((key) => key.role === role)) {
      throw new DcError('ZONE_INVALID', `Cannot roll the ${role} of "${id}": it has none`);
    }
    await signed.roll(role);
  }

  async confirmDs(id: string, ds: readonly string[]): Promise<void> {
    const signed = this.signedOf(id);
    const rdatas = ds.map((text, index) => parseGiven(id, text, index));
    const isOurs = rdatas.some((rdata) => isOfKeys(rdata, signed.identity.apex, signed.keys));
    if (rdatas.length > 0 && !isOurs && !signed.isWithdrawing) {
      throw new DcError('ZONE_INVALID', `Cannot confirm the DS of "${id}": none is of its keys`, {
        problems: [
          { path: 'ds[0]', message: 'Expected the DS of a key of the zone', value: ds[0] },
        ],
      });
    }
    await signed.observeDs(rdatas);
  }

  /** A zone that is signed already, or on its way to be unsigned. */
  private async prepareAgain(zone: IZoneIdentity, current: SignedZone): Promise<PreparedSigning> {
    const options = dnssecOf(zone.options);
    if (options === null) {
      const isTrusted = current.isTrusted || current.isWithdrawing || (await this.mayHaveDs(zone));
      return new PreparedSigning(zone, current, isTrusted ? current.signing : null);
    }
    checkAlgorithm(zone.id, algorithmWanted(options), current.algorithm);
    return new PreparedSigning(zone, current, current.candidate(options));
  }

  /**
   * Deletes the keys of a zone that is not signed, e.g. since their secret is lost.
   *
   * @throws DcError `ZONE_EXISTS` when it is signed, `STORE_FAILED`, `STORE_CORRUPT`.
   */
  async purge(id: string): Promise<void> {
    await this.leaving.get(id);
    if ((this.hosted.get(id)?.signed ?? null) !== null) {
      throw new DcError('ZONE_EXISTS', `Cannot delete the DNSSEC keys of "${id}": it is signed`);
    }
    await this.vault.delete(id);
  }

  private async prepareNew(zone: IZoneIdentity, isNew: boolean): Promise<PreparedSigning> {
    const options = dnssecOf(zone.options);
    if (options === null) return this.prepareUnsigned(zone);
    const kept = this.vault.read(zone.id);
    const wanted = algorithmWanted(options);
    const present = kept?.keys.keys.at(-1)?.algorithm;
    const isOther = wanted !== undefined && present !== undefined && wanted !== present;
    // Nobody relies on keys of a zone that is not signed.
    const entry = kept?.isOff === true && isOther ? null : kept;
    if (entry !== null) checkAlgorithm(zone.id, wanted, present);
    const signed = await this.begin(zone, entry, { ...options }, isNew);
    return new PreparedSigning(zone, signed, signed.signing, { isNew: true });
  }

  /** It may have to go on being signed, when it was until the router stopped. */
  private async prepareUnsigned(zone: IZoneIdentity): Promise<PreparedSigning> {
    let kept: IVaultEntry | null = null;
    try {
      kept = this.vault.read(zone.id);
    } catch (error) {
      // Whoever switched DNSSEC off does not need the keys.
      if (!(error instanceof DcError)) throw error;
      this.fail(zone.id, 'Cannot read DNSSEC keys of a zone that is not to be signed', error);
    }
    if (kept === null || kept.isOff) return new PreparedSigning(zone, null, null);
    const { keys, withdrawnS } = kept.keys;
    const isTrusted = withdrawnS !== null || keys.some(({ life }) => life.dsSeenS !== null);
    if (!isTrusted) return new PreparedSigning(zone, null, null, { unused: kept });
    const signed = await this.begin(zone, kept, kept.options);
    return new PreparedSigning(zone, signed, signed.signing, { isNew: true });
  }

  /** For caution an answer counts that nothing proves: a DS without signatures makes a zone bogus. */
  private async mayHaveDs(zone: IZoneIdentity): Promise<boolean> {
    const { book, resolver } = this.parts;
    const seen = await parentDs(zone, book, resolver());
    return seen.kind === 'known' ? seen.rdatas.length > 0 : seen.isLikely;
  }

  private async begin(
    identity: IZoneIdentity,
    entry: IVaultEntry | null,
    options: IVaultEntry['options'],
    isNew = false,
  ): Promise<SignedZone> {
    const { vault } = this;
    const { clock } = this.parts;
    const onChanged = (zone: SignedZone) => this.keysChanged(zone);
    const onError = (zone: SignedZone, error: unknown) =>
      this.fail(zone.identity.id, 'Cannot store DNSSEC keys; they stay as they are', error);
    try {
      return await SignedZone.start({
        identity,
        options,
        entry,
        isNew,
        vault,
        clock,
        onChanged,
        onError,
      });
    } catch (error) {
      if (!(error instanceof KeyFormatError)) throw error;
      throw keysUnusable(identity.id, error.message);
    }
  }

  private keysChanged(zone: SignedZone): void {
    const { id } = zone.identity;
    if (this.hosted.get(id)?.signed !== zone) return;
    this.tell(zone);
    this.onChanged(id);
  }

  /** Logs what the keys do, and says what somebody should do about it. */
  private tell(zone: SignedZone): void {
    const { id } = zone.identity;
    const keys = zone.keys.map(({ role, tag, state }) => `${role} ${tag} ${state}`);
    const text = [...keys, zone.isWithdrawing ? 'withdrawing' : 'enabled'].join(', ');
    const before = this.told.get(id);
    if (before !== text) {
      this.told.set(id, text);
      const facts = { zone: id, keys, withdrawing: zone.isWithdrawing };
      if (before === undefined)
        this.parts.logger.debug('dnssec.changed', `"${id}" is signed`, facts);
      else this.parts.logger.info('dnssec.changed', `DNSSEC keys of "${id}" have changed`, facts);
    }
    const waiting = zone.keys.filter(({ waitsForDs }) => waitsForDs);
    if (zone.isWithdrawing) this.warn(id, 'The DS has to be removed from the parent zone');
    else if (waiting.length === 0) this.warn(id, null);
    else this.warn(id, `The parent zone has to get the DS "${waiting.map(dsText).join('", "')}"`);
  }

  private warn(id: string, message: string | null): void {
    // Also the same one again: the zone may have become another one of this name.
    this.parts.book.warn(id, 'dnssec', message);
    if ((this.warned.get(id) ?? null) === message) return;
    if (message === null) {
      this.warned.delete(id);
      return;
    }
    this.warned.set(id, message);
    this.parts.logger.info('dnssec.waiting', message, { zone: id });
  }

  private tend(zone: SignedZone): void {
    void zone.settle(false);
    if (zone.isDone && !this.held.has(zone)) {
      const { id } = zone.identity;
      if (!this.leaving.has(id)) this.leave(id, () => this.unsign(zone));
      return;
    }
    this.watch.tend(zone);
  }

  private async onSeen(zone: SignedZone, seen: TParentDs): Promise<void> {
    const { id } = zone.identity;
    if (seen.kind === 'unknown') {
      this.parts.logger.debug('dnssec.waiting', `The DS of "${id}" is not known: ${seen.reason}`);
      return;
    }
    try {
      await zone.observeDs(seen.rdatas);
    } catch (error) {
      this.fail(id, 'Cannot store what the parent zone says of the DS', error);
    }
  }

  /** Nobody has its DS: its keys are deleted, then it is served without signatures. */
  private async unsign(zone: SignedZone): Promise<void> {
    const { id } = zone.identity;
    await zone.stop();
    await this.vault.delete(id);
    const hosted = this.hosted.get(id);
    if (hosted?.signed !== zone) return;
    hosted.signed = null;
    this.watch.forget(zone);
    this.warn(id, null);
    this.parts.logger.info('dnssec.unsigned', `"${id}" is not signed any more`, { zone: id });
    this.onChanged(id);
  }

  /** Nobody ever had its DS: it is unsigned already. */
  private async putAway(id: string, zone: SignedZone): Promise<void> {
    this.watch.forget(zone);
    await zone.stop();
    const entry = this.vault.read(id);
    if (entry !== null) await this.markUnused(id, entry);
  }

  private async markUnused(id: string, entry: IVaultEntry): Promise<void> {
    await this.vault.write(id, { ...entry, isOff: true });
    this.parts.logger.info('dnssec.unsigned', `"${id}" is not signed any more`, { zone: id });
  }

  private leave(id: string, run: () => Promise<void>): void {
    const before = this.leaving.get(id) ?? Promise.resolve();
    const end = before.then(run).catch((error: unknown) => {
      this.fail(id, 'Cannot put DNSSEC keys away', error);
    });
    this.leaving.set(id, end);
    void end.then(() => {
      if (this.leaving.get(id) === end) this.leaving.delete(id);
    });
  }

  /**
   * Makes the chain of hashes before somebody waits for it, and finds how long others may keep
   * records, for rollovers: once for each signer, and once a day when the zone has changed.
   */
  private warm({ id, served }: IHostedZone): void {
    const signed = this.hosted.get(id)?.signed ?? null;
    if (served === null || signed === null) return;
    const { signer } = signed;
    const nowMs = this.parts.clock.monotonic();
    if (nowMs < (this.warmed.get(signer) ?? 0)) return;
    this.warmed.set(signer, nowMs + warmMs);
    const { zone } = served;
    const steps = function* () {
      yield* signer.warm(zone);
      return yield* longestTtl(zone);
    };
    runStepsGently(steps()).then(
      (ttl) => signed.keepsFor(ttl),
      (error: unknown) => this.fail(id, 'Cannot look through the zone', error),
    );
  }

  private fail(id: string, message: string, error: unknown): void {
    // Another process took the store over, and sees to it.
    const isTakenOver = error instanceof DcError && error.code === 'NOT_RUNNING';
    const level = isTakenOver ? 'debug' : 'error';
    this.parts.logger[level]('dnssec.failed', `${message} ("${id}")`, { zone: id, error });
  }

  private hold(zone: SignedZone | null, add: 1 | -1): void {
    if (zone === null) return;
    const count = (this.held.get(zone) ?? 0) + add;
    if (count > 0) this.held.set(zone, count);
    else this.held.delete(zone);
  }

  private *signedZones(): Generator<SignedZone, void> {
    for (const { signed } of this.hosted.values()) if (signed !== null) yield signed;
  }

  private hostedOf(id: string): IHosted {
    const hosted = this.hosted.get(id);
    if (hosted === undefined) throw zoneUnknown(id);
    return hosted;
  }

  private signedOf(id: string): SignedZone {
    const { signed } = this.hostedOf(id);
    if (signed === null) throw new DcError('ZONE_INVALID', `The zone "${id}" is not signed`);
    return signed;
  }
}

/**
 * All of a zone has to be signed with every algorithm that its DNSKEY and DS have (RFC 4035 §2.2),
 * which we do not do with two.
 */
function checkAlgorithm(id: string, wanted: number | undefined, present: number | undefined): void {
  if (wanted === undefined || present === undefined || wanted === present) return;
  const name = algorithmOf(present)?.name ?? present;
  const instead = 'switch dnssec off and, once the zone is unsigned, on again';
  const message = `The zone is signed with ${name}; to change it, ${instead}`;
  throw new DcError('ZONE_INVALID', `Cannot change the DNSSEC algorithm of "${id}"`, {
    problems: [{ path: 'dnssec.algorithm', message, value: algorithmOf(wanted)?.name ?? wanted }],
  });
}

/** The longest TTL of a zone. */
function* longestTtl(zone: Zone): Generator<void, number> {
  let longest = 0;
  let owners = 0;
  for (const node of zone.nodes()) {
    if (++owners % ownersPerStep === 0) yield;
    for (const { ttl } of node.rrsets()) longest = Math.max(longest, ttl);
  }
  return longest;
}
