import type { IClock, ITimer } from '../../../core/clock.ts';
import { formatName, type TName } from '../../codec/name.ts';
import { rdataCodec } from '../../codec/rdata.ts';
import { tokensOf } from '../../codec/tokens.ts';
import { recordTypeName } from '../../codec/types.ts';
import type { IResolution, IResolver } from '../../resolver/index.ts';
import { sortRdatas } from '../../zone/rrset-data.ts';
import { setKey } from '../record-set.ts';
import type { TAddresses } from './own-names.ts';

/** A name whose addresses are wanted. */
export interface ITarget {
  readonly name: TName;
  readonly type: number;
}

/** Whom the follower asks and tells. */
export interface ITargetFollowerParts {
  readonly resolver: () => IResolver;
  readonly clock: IClock;
  /** From 0 to below 1, for the times at which names are asked for. */
  readonly random: () => number;
  /** What is known of a target of these zones has become another. */
  readonly onChanged: (zones: Iterable<string>) => void;
}

interface IFollowed extends ITarget {
  readonly key: string;
  readonly zones: Set<string>;
  known: TAddresses;
  failures: number;
  isAsked: boolean;
  timer: ITimer | null;
}

const ttlMinS = 5;
const ttlMaxS = 3600;
const retryMinS = 5;
const retryMaxS = 300;
/** Names that were found together are asked for apart the next time. */
const jitterShare = 0.1;
const askedMax = 16;

const unknown: TAddresses = { kind: 'unknown' };

/**
 * Keeps the addresses of names that are not ours up to date, by their TTL. Each name is asked for
 * once, however many zones want it, and only so many at a time. Addresses that were found stay when
 * the resolver fails; when a name is said not to exist, they go.
 */
export class TargetFollower {
  private readonly parts: ITargetFollowerParts;
  private readonly followed = new Map<string, IFollowed>();
  /** What each zone wants, by key. */
  private readonly wanted = new Map<string, ReadonlySet<string>>();
  private readonly waiting = new Set<IFollowed>();
  private asked = 0;
  private isStopped = false;

  constructor(parts: ITargetFollowerParts) {
    this.parts = parts;
  }

  /** Names that are followed. */
  get size(): number {
    return this.followed.size;
  }

  /** What is known now. */
  addresses(name: TName, type: number): TAddresses {
    return this.followed.get(setKey(name, type))?.known ?? unknown;
  }

  /** A zone wants these names, and no others any more; new ones are asked for at once. */
  want(zone: string, targets: Iterable<ITarget>): void {
    if (this.isStopped) return;
    const keys = new Set<string>();
    for (const { name, type } of targets) {
      const key = setKey(name, type);
      keys.add(key);
      const entry = this.followed.get(key) ?? this.begin(key, { name, type });
      entry.zones.add(zone);
    }
    for (const key of this.wanted.get(zone) ?? []) if (!keys.has(key)) this.leave(zone, key);
    if (keys.size > 0) this.wanted.set(zone, keys);
    else this.wanted.delete(zone);
    this.askNext();
  }

  /** Ends its timers. */
  stop(): void {
    this.isStopped = true;
    for (const { timer } of this.followed.values()) timer?.cancel();
    this.followed.clear();
    this.wanted.clear();
    this.waiting.clear();
  }

  private begin(key: string, target: ITarget): IFollowed {
    const state = { known: unknown, failures: 0, isAsked: false, timer: null };
    const entry: IFollowed = { ...target, ...state, key, zones: new Set() };
    this.followed.set(key, entry);
    this.waiting.add(entry);
    return entry;
  }

  private leave(zone: string, key: string): void {
    const entry = this.followed.get(key);
    if (entry === undefined) return;
    entry.zones.delete(zone);
    if (entry.zones.size > 0) return;
    entry.timer?.cancel();
    this.followed.delete(key);
    this.waiting.delete(entry);
  }

  private askNext(): void {
    for (const entry of this.waiting) {
      if (this.asked >= askedMax) return;
      this.waiting.delete(entry);
      this.asked++;
      void this.ask(entry);
    }
  }

  private async ask(entry: IFollowed): Promise<void> {
    const outcome = await outcomeOf(this.parts.resolver, entry);
    this.asked--;
    if (this.followed.get(entry.key) === entry) this.take(entry, outcome);
    this.askNext();
  }

  private take(entry: IFollowed, outcome: TOutcome): void {
    const before = entry.known;
    entry.failures = outcome.kind === 'known' ? 0 : entry.failures + 1;
    entry.known = merged(before, outcome);
    const seconds = entry.failures === 0 ? ttlOf(outcome) : retryOf(entry.failures);
    const delayMs = seconds * 1000 * (1 + jitterShare * this.parts.random());
    entry.timer = this.parts.clock.setTimeout(() => {
      this.waiting.add(entry);
      this.askNext();
    }, delayMs);
    if (!isSame(before, entry.known)) this.parts.onChanged(entry.zones);
  }
}

/** What asking came to. */
type TOutcome =
  | {
      readonly kind: 'known';
      readonly rdatas: readonly Buffer[];
      readonly ttl: number;
      /** The TTL is what the name's servers said, not what was left of it. */
      readonly isFresh: boolean;
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly isGone: boolean };

async function outcomeOf(resolver: () => IResolver, { name, type }: ITarget): Promise<TOutcome> {
  const text = formatName(name);
  try {
    const found = await resolver().resolve(text, recordTypeName(type));
    if (found.rcode === 'NOERROR') return knownOf(found, type);
    const isGone = found.rcode === 'NXDOMAIN';
    const why = isGone ? 'does not exist' : `cannot be resolved (${found.rcode})`;
    return { kind: 'failed', reason: `"${text}" ${why}`, isGone };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', reason: `"${text}" cannot be resolved: ${why}`, isGone: false };
  }
}

function knownOf({ records, ttl, origin }: IResolution, type: number): TOutcome {
  const codec = rdataCodec(type);
  const rdatas = records.map(({ data }) => codec.parse(tokensOf(data), Buffer.of(0)));
  const isFresh = origin === 'network' || origin === 'local';
  return { kind: 'known', rdatas: sortRdatas(type, rdatas), ttl, isFresh };
}

function merged(before: TAddresses, outcome: TOutcome): TAddresses {
  if (outcome.kind === 'failed') {
    return before.kind === 'known' && !outcome.isGone ? before : outcome;
  }
  const { kind, rdatas, ttl, isFresh } = outcome;
  // The rest of a TTL that a cache gives differs each time, and means nothing new.
  const isOld = before.kind === 'known' && !isFresh && isSameRdatas(before.rdatas, rdatas);
  return isOld ? before : { kind, rdatas, ttl };
}

function ttlOf(outcome: TOutcome): number {
  return outcome.kind === 'known' ? Math.min(Math.max(outcome.ttl, ttlMinS), ttlMaxS) : retryMinS;
}

function retryOf(failures: number): number {
  return Math.min(retryMinS * 2 ** (failures - 1), retryMaxS);
}

function isSame(one: TAddresses, other: TAddresses): boolean {
  if (one === other) return true;
  if (one.kind === 'known' && other.kind === 'known') {
    return one.ttl === other.ttl && isSameRdatas(one.rdatas, other.rdatas);
  }
  return one.kind === 'failed' && other.kind === 'failed' && one.reason === other.reason;
}

function isSameRdatas(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return (
    one.length === other.length && one.every((rdata, index) => rdata.equals(other[index] as Buffer))
  );
}
