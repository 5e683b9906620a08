import type { TLogEvent } from '../../ts/core/log-event.ts';
import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import { ManualClock } from '../../ts/core/manual-clock.ts';
import { parseName } from '../../ts/dns/codec/name.ts';
import type { IResolution, IResolver } from '../../ts/dns/resolver/index.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import type { IZoneIdentity } from '../../ts/dns/zones/stages.ts';
import type { IHostedZone, IServedVersion, IZoneListener } from '../../ts/dns/zones/types.ts';
import type { IZoneOptions } from '../../ts_interfaces/index.ts';

/** A zone by its options, as the book names it. */
export function identityOf(options: IZoneOptions): IZoneIdentity {
  const id = options.view === undefined ? options.name : `${options.name}@${options.view}`;
  return { id, apex: parseName(options.name), options };
}

/** What of the zone book stages see. */
export class StageBook {
  readonly warnings = new Map<string, string>();
  private readonly hosted = new Map<string, IHostedZone>();
  private readonly listeners = new Set<IZoneListener>();

  /** Serves a version; listeners hear of it. */
  serve(zone: Zone, more: Partial<IServedVersion> & { id?: string; source?: Zone } = {}): void {
    const { id = 'any', source = zone, ...others } = more;
    const served = { zone, signer: null, draws: [], ...others };
    const options = { name: id };
    const hosted = { id, apex: zone.apex, options, isSecondary: false, state: 'serving' as const };
    const whole: IHostedZone = { ...hosted, source, served, history: [zone] };
    this.hosted.set(zone.apex.toString('latin1'), whole);
    for (const listener of [...this.listeners]) listener.onServed(whole);
  }

  remove(zone: Zone): void {
    const hosted = this.hosted.get(zone.apex.toString('latin1'));
    this.hosted.delete(zone.apex.toString('latin1'));
    if (hosted === undefined) return;
    for (const listener of [...this.listeners]) listener.onRemoved(hosted);
  }

  /** Who listens. */
  heard(): IZoneListener[] {
    return [...this.listeners];
  }

  get(id: string): IHostedZone | undefined {
    return [...this.hosted.values()].find((zone) => zone.id === id);
  }

  closest(name: Buffer): IHostedZone | undefined {
    for (let at = 0; at < name.length; at += 1 + (name[at] as number)) {
      const found = this.hosted.get(name.subarray(at).toString('latin1'));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  follow(listener: IZoneListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  warn(id: string, part: string, message: string | null): void {
    if (message === null) this.warnings.delete(`${id} ${part}`);
    else this.warnings.set(`${id} ${part}`, message);
  }
}

/** What a `FakeResolver` says to a question. */
export interface IFakeAnswer {
  readonly rcode?: string;
  readonly data?: readonly string[];
  readonly ttl?: number;
  readonly authenticated?: boolean;
  readonly origin?: IResolution['origin'];
}

type TFakeAnswer = IFakeAnswer | Promise<IFakeAnswer> | Error;

/** Answers what a test told it to; every other name does not exist. */
export class FakeResolver implements IResolver {
  readonly asked: string[] = [];
  private readonly answers = new Map<string, TFakeAnswer>();

  /** @param name absolute, with a trailing dot. */
  set(name: string, type: string, answer: TFakeAnswer): void {
    this.answers.set(`${name} ${type}`, answer);
  }

  async resolve(name: string, type: string): Promise<IResolution> {
    const question = `${name.endsWith('.') ? name : `${name}.`} ${type}`;
    this.asked.push(question);
    const answer = (await this.answers.get(question)) ?? { rcode: 'NXDOMAIN', ttl: 60 };
    if (answer instanceof Error) throw answer;
    const { rcode = 'NOERROR', data = [], ttl = 300, authenticated = false } = answer;
    const { origin = 'network' } = answer;
    return {
      rcode,
      records: data.map((text) => ({ name, type, ttl, data: text })),
      canonicalName: name,
      authenticated,
      ttl,
      origin,
      extendedError: null,
    };
  }
}

/** Keeps which events were logged. */
export function eventLogger(events: TLogEvent[]): ILogger {
  const keep = (event: TLogEvent) => void events.push(event);
  return { ...silentLogger, error: keep, warn: keep, info: keep };
}

/** Lets what waits for promises run: a few rounds of the loop. */
export async function settled(rounds = 8): Promise<void> {
  for (let round = 0; round < rounds; round++) await new Promise(setImmediate);
}

/** Moves time on in steps, and lets what falls due be done in between. */
export async function pass(clock: ManualClock, seconds: number, stepS = 3600): Promise<void> {
  for (let left = seconds; left > 0; left -= stepS) {
    clock.advance(Math.min(left, stepS) * 1000);
    await settled(3);
  }
}

/** A clock whose wall time can be set, as an operator or NTP does. */
export class SettableClock extends ManualClock {
  private setMs = 0;

  override now(): number {
    return super.now() + this.setMs;
  }

  /** Sets the wall clock forward, or back. */
  set(byMs: number): void {
    this.setMs += byMs;
  }
}
