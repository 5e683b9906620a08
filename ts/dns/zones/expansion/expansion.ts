import { hash } from 'node:crypto';
import type { IDraw } from '../../answer/draws.ts';
import { formatName, nameKey, type TName } from '../../codec/name.ts';
import { recordType, recordTypeName } from '../../codec/types.ts';
import type { IRrset } from '../../zone/owner-data.ts';
import type { IRrsetChange, Zone } from '../../zone/zone.ts';
import { setKey } from '../record-set.ts';
import type {
  IDynamics,
  IExpanded,
  IExpansion,
  IHealthRecordSet,
  IStageParts,
  IZoneIdentity,
} from '../stages.ts';
import type { IZoneBook } from '../types.ts';
import { backendNames, healthOutcome } from './health-set.ts';
import { type IOwnVersion, ownName, type TAddresses } from './own-names.ts';
import { type ITarget, TargetFollower } from './target-follower.ts';

/** What expansion needs of the parts around it. */
export interface IExpansionParts extends Pick<IStageParts, 'clock' | 'resolver' | 'health'> {
  readonly book: Pick<IZoneBook, 'get' | 'closest' | 'follow' | 'warn'>;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
}

interface IServed {
  readonly identity: IZoneIdentity;
  readonly dynamics: IDynamics;
}

/** What was given for a version's dynamics last. */
interface IGiven {
  readonly digest: string;
  readonly warnings: string;
}

/** Warnings of one zone that are told. */
const warningsMax = 10;
const addressTypes = [recordType.A, recordType.AAAA];
/** What keeps the place of a record set by health is an ALIAS of the root, which has no addresses. */
const rootTarget = Buffer.of(0);

/**
 * Makes addresses of ALIAS records and of records by health.
 *
 * An ALIAS is followed through our own zones at once; names of others are asked for by their TTL,
 * in the background. What is not known, or failed, is answered with SERVFAIL (a draw that
 * `isFailed`), never with an answer that says that there is nothing. Changes are collected until
 * the end of the turn, and told only when they make a difference.
 */
export class Expansion implements IExpansion {
  onChanged: (id: string) => void = () => undefined;
  private readonly parts: IExpansionParts;
  private readonly follower: TargetFollower;
  private readonly zones = new Map<string, IServed>();
  /** By the dynamics, which are one object for all versions that have the same. */
  private readonly given = new WeakMap<IDynamics, IGiven>();
  /** What upstreams said last. */
  private readonly upstreams = new Map<string, string>();
  private readonly changed = new Set<string>();
  /** Zones of the book that were seen; and which of them the names of a zone lead into. */
  private readonly seen = new Set<string>();
  private readonly uses = new Map<string, ReadonlySet<string>>();
  private unfollow: (() => void)[] = [];
  /** Zones whose warnings may have changed, and those that the book was told of. */
  private readonly made = new Set<string>();
  private readonly told = new Map<string, string>();
  private isHealthChanged = false;
  private hasNewZone = false;
  private turn: NodeJS.Immediate | null = null;

  constructor(parts: IExpansionParts) {
    const { resolver, clock, random = Math.random } = parts;
    this.parts = parts;
    this.follower = new TargetFollower({
      resolver,
      clock,
      random,
      onChanged: (zones) => this.touch(zones),
    });
  }

  expand(zone: IZoneIdentity, source: Zone, dynamics: IDynamics): IExpanded {
    const { warnings, ...expanded } = this.make(zone, source, dynamics);
    this.given.set(dynamics, { digest: digestOf(expanded), warnings: textOf(warnings) });
    this.made.add(zone.id);
    this.touch([]);
    // They also change without a new version, so the book hears of them by `warn`.
    return { ...expanded, warnings: [] };
  }

  served(identity: IZoneIdentity, dynamics: IDynamics): void {
    const isEmpty = dynamics.aliases.length + dynamics.health.length === 0;
    if (!isEmpty && this.unfollow.length === 0) this.follow();
    if (isEmpty) this.forget(identity.id);
    else this.zones.set(identity.id, { identity, dynamics });
    this.lookAfter(identity.id);
    for (const { health } of dynamics.health) {
      if (!this.upstreams.has(health.upstream)) {
        this.upstreams.set(health.upstream, this.upstreamText(health.upstream));
      }
    }
    // What it was made of may have changed since.
    this.touch(isEmpty ? [] : [identity.id]);
  }

  async stop(): Promise<void> {
    for (const end of this.unfollow) end();
    this.unfollow = [];
    this.follower.stop();
    if (this.turn !== null) clearImmediate(this.turn);
    this.turn = null;
    this.zones.clear();
  }

  private follow(): void {
    const { book, health } = this.parts;
    const onServed = ({ id }: { readonly id: string }) => {
      if (!this.seen.has(id)) {
        this.seen.add(id);
        this.hasNewZone = true;
        this.touch([]);
        return;
      }
      for (const [other, used] of this.uses) if (used.has(id)) this.touch([other]);
    };
    const onRemoved = (zone: { readonly id: string }) => {
      onServed(zone);
      this.seen.delete(zone.id);
    };
    const onHealth = () => {
      this.isHealthChanged = true;
      this.touch([]);
    };
    this.unfollow = [book.follow({ onServed, onRemoved }), health.follow(onHealth)];
  }

  private make(zone: IZoneIdentity, source: Zone, { aliases, health }: IDynamics): IExpanded {
    const changes = new Map<string, IRrsetChange>();
    const draws: IDraw[] = [];
    const warnings = new Set<string>();
    const sets = new Map<string, TAddresses>();
    const version: IOwnVersion = { identity: zone, source, sets };
    const making = { changes, draws, warnings, isPending: false };
    for (const set of health) this.addHealth(version, set, making, sets);
    for (const alias of aliases) {
      changes.set(setKey(alias.name, alias.type), without(alias));
      for (const type of addressTypes) {
        const isGiven = source.rrset(alias.name, type) !== undefined;
        if (isGiven || sets.has(setKey(alias.name, type))) continue;
        this.addAlias(version, alias, type, making);
      }
    }
    for (const { name, ttl, rdatas } of [...aliases, ...health.map(asRrset)]) {
      if (!isEmptyAt(source, name, changes)) continue;
      // The name exists, so nothing may say that it does not: the record keeps its place.
      const type = recordType.ALIAS;
      changes.set(setKey(name, type), { name, type, ttl, rdatas });
    }
    const { isPending } = making;
    return { changes: [...changes.values()], draws, warnings: [...warnings], isPending };
  }

  private addHealth(
    version: IOwnVersion,
    set: IHealthRecordSet,
    making: IMaking,
    sets: Map<string, TAddresses>,
  ): void {
    const { name, type } = set;
    const { changes, draws, warnings } = making;
    // A backend's name does not lead to what is just being made.
    const before: IOwnVersion = { ...version, sets: new Map() };
    const outcome = healthOutcome(set, this.parts.health, (backend, family, ttl) =>
      this.addressesOf(before, backend, family, ttl, making),
    );
    // Routes come into force together with the zones: those of the start are not there before.
    const isFirst = !this.zones.has(version.identity.id);
    const { upstream } = set.health;
    if (isFirst && this.parts.health.backends(upstream) === undefined) making.isPending = true;
    const { rdatas, weights, ttl, isFailed } = outcome;
    const where = `${formatName(name)} ${recordTypeName(type)}`;
    for (const warning of outcome.warnings) warnings.add(`${where}: ${warning}`);
    changes.set(setKey(name, type), { name, type, ttl, rdatas });
    const answers = set.health.answers ?? 0;
    sets.set(
      setKey(name, type),
      isFailed
        ? { kind: 'failed', reason: `Nothing lives behind "${formatName(name)}"` }
        : { kind: 'known', rdatas, ttl },
    );
    // A single address needs no draw, and its answers can be kept.
    if (isFailed || rdatas.length > 1) draws.push({ name, type, weights, answers, isFailed });
  }

  private addAlias(version: IOwnVersion, alias: IRrset, type: number, making: IMaking): void {
    const { name } = alias;
    const target = alias.rdatas[0] as Buffer;
    const found = this.addressesOf(version, target, type, alias.ttl, making);
    if (found.kind === 'known') {
      if (found.rdatas.length > 0) {
        const { rdatas, ttl } = found;
        making.changes.set(setKey(name, type), { name, type, ttl, rdatas });
      }
      return;
    }
    making.draws.push({ name, type, weights: [], answers: 0, isFailed: true });
    if (found.kind === 'failed') making.warnings.add(`${formatName(name)} ALIAS: ${found.reason}`);
  }

  private addressesOf(
    version: IOwnVersion,
    name: TName,
    type: number,
    ttl: number,
    making: IMaking,
  ): TAddresses {
    const own = ownName(this.parts.book, version, name, type, ttl);
    if (own.kind !== 'foreign') return own;
    const found = this.follower.addresses(own.name, type);
    if (found.kind === 'unknown') making.isPending = true;
    return found.kind === 'known' ? { ...found, ttl: Math.min(found.ttl, own.ttl) } : found;
  }

  /** Follows the names that lead out of our zones, and no others. */
  private lookAfter(id: string): void {
    const zone = this.zones.get(id);
    const source = this.parts.book.get(id)?.source ?? null;
    if (zone === undefined || source === null) {
      this.follower.want(id, []);
      this.uses.delete(id);
      return;
    }
    const { identity, dynamics } = zone;
    const uses = new Set<string>();
    this.uses.set(id, uses);
    const version: IOwnVersion = { identity, source, sets: new Map(), uses };
    const targets: ITarget[] = [];
    const add = (name: TName, type: number) => {
      const own = ownName(this.parts.book, version, name, type, 0);
      if (own.kind === 'foreign') targets.push({ name: own.name, type });
    };
    for (const { rdatas } of dynamics.aliases) {
      for (const type of addressTypes) add(rdatas[0] as Buffer, type);
    }
    for (const set of dynamics.health) {
      for (const name of backendNames(set, this.parts.health)) add(name, set.type);
    }
    this.follower.want(id, targets);
  }

  private forget(id: string): void {
    this.zones.delete(id);
    this.warn(id, '');
  }

  private warn(id: string, text: string): void {
    if ((this.told.get(id) ?? '') === text) return;
    if (text === '') this.told.delete(id);
    else this.told.set(id, text);
    this.parts.book.warn(id, 'expansion', text === '' ? null : text);
  }

  private touch(ids: Iterable<string>): void {
    for (const id of ids) this.changed.add(id);
    this.turn ??= setImmediate(() => {
      this.turn = null;
      this.settle();
    });
  }

  private settle(): void {
    if (this.isHealthChanged) this.touchHealth();
    // Any name may lead into a zone that has come.
    if (this.hasNewZone) for (const id of this.zones.keys()) this.changed.add(id);
    this.hasNewZone = false;
    const ids = [...this.changed];
    this.changed.clear();
    for (const id of ids) this.compare(id);
    for (const id of this.made) {
      const dynamics = this.zones.get(id)?.dynamics;
      const given = dynamics === undefined ? undefined : this.given.get(dynamics);
      if (given !== undefined) this.warn(id, given.warnings);
    }
    this.made.clear();
  }

  private touchHealth(): void {
    this.isHealthChanged = false;
    const used = new Set<string>();
    for (const { dynamics } of this.zones.values()) {
      for (const { health } of dynamics.health) used.add(health.upstream);
    }
    const others = new Set<string>();
    for (const upstream of used) {
      const text = this.upstreamText(upstream);
      if (this.upstreams.get(upstream) !== text) others.add(upstream);
      this.upstreams.set(upstream, text);
    }
    for (const upstream of this.upstreams.keys()) {
      if (!used.has(upstream)) this.upstreams.delete(upstream);
    }
    for (const [id, { dynamics }] of this.zones) {
      if (dynamics.health.some(({ health }) => others.has(health.upstream))) this.changed.add(id);
    }
  }

  private upstreamText(upstream: string): string {
    return JSON.stringify(this.parts.health.backends(upstream) ?? null);
  }

  /** Tells of a zone for which something else would be given now. */
  private compare(id: string): void {
    const zone = this.zones.get(id);
    const source = this.parts.book.get(id)?.source ?? null;
    if (zone === undefined || source === null) return;
    this.lookAfter(id);
    const expanded = this.make(zone.identity, source, zone.dynamics);
    const before = this.given.get(zone.dynamics);
    const [digest, warnings] = [digestOf(expanded), textOf(expanded.warnings)];
    if (before?.digest !== digest) {
      this.onChanged(id);
      return;
    }
    this.given.set(zone.dynamics, { digest, warnings });
    this.warn(id, warnings);
  }
}

/** What is collected for a version. */
interface IMaking {
  readonly changes: Map<string, IRrsetChange>;
  readonly draws: IDraw[];
  readonly warnings: Set<string>;
  isPending: boolean;
}

function without({ name, type, ttl }: IRrset): IRrsetChange {
  return { name, type, ttl, rdatas: [] };
}

function asRrset({ name, ttl }: IHealthRecordSet): Pick<IRrset, 'name' | 'ttl' | 'rdatas'> {
  return { name, ttl, rdatas: [rootTarget] };
}

/** Whether nothing would be left of a name. */
function isEmptyAt(source: Zone, name: TName, changes: ReadonlyMap<string, IRrsetChange>): boolean {
  const types = new Set([...(source.node(name)?.types() ?? []), ...addressTypes]);
  for (const type of types) {
    const change = changes.get(setKey(name, type));
    if (change === undefined ? source.rrset(name, type) !== undefined : change.rdatas.length > 0) {
      return false;
    }
  }
  return true;
}

function digestOf({ changes, draws, isPending }: Omit<IExpanded, 'warnings'>): string {
  const rdatasText = (rdatas: readonly Buffer[]) => rdatas.map((rdata) => rdata.toString('hex'));
  const rows = [
    changes.map(({ name, type, ttl, rdatas }) => [nameKey(name), type, ttl, rdatasText(rdatas)]),
    draws.map(({ name, type, weights, answers, isFailed }) => [
      nameKey(name),
      type,
      weights,
      answers,
      isFailed,
    ]),
    isPending,
  ];
  return hash('sha256', JSON.stringify(rows), 'base64');
}

function textOf(warnings: readonly string[]): string {
  const first = warnings.slice(0, warningsMax);
  const more = warnings.length - first.length;
  return [...first, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
