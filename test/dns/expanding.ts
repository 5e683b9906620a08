import type { TestContext } from 'node:test';
import { ManualClock } from '../../ts/core/manual-clock.ts';
import { formatName } from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { recordType, recordTypeName } from '../../ts/dns/codec/types.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { Expansion } from '../../ts/dns/zones/expansion/index.ts';
import type { IDynamics, IHealthRecordSet, IZoneIdentity } from '../../ts/dns/zones/stages.ts';
import type { IHealthBackend, IHealthSource } from '../../ts/dns/zones/types.ts';
import { FakeResolver, identityOf, StageBook, settled } from './stages.ts';

/** Who lives, as a test says. */
export class FakeHealth implements IHealthSource {
  private readonly upstreams = new Map<string, readonly IHealthBackend[]>();
  private readonly listeners = new Set<() => void>();

  set(upstream: string, backends: readonly Partial<IHealthBackend>[]): void {
    const whole = backends.map((backend, index) => ({
      id: `b${index}`,
      hostname: `192.0.2.${index + 1}`,
      weight: 1,
      isAlive: true,
      ...backend,
    }));
    this.upstreams.set(upstream, whole);
    this.tell();
  }

  tell(): void {
    for (const listener of [...this.listeners]) listener();
  }

  backends(upstream: string): readonly IHealthBackend[] | undefined {
    return this.upstreams.get(upstream);
  }

  follow(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** An expansion with a book that publishes what it gives. */
export function expanding(context: TestContext) {
  const [clock, book, resolver] = [new ManualClock(), new StageBook(), new FakeResolver()];
  const health = new FakeHealth();
  const expansion = new Expansion({
    clock,
    book,
    health,
    resolver: () => resolver,
    random: () => 0.5,
  });
  context.after(() => expansion.stop());
  const zones = new Map<string, { identity: IZoneIdentity; source: Zone; dynamics: IDynamics }>();
  const published: string[] = [];
  const publish = (id: string): void => {
    const zone = zones.get(id);
    if (zone === undefined) return;
    const { identity, source, dynamics } = zone;
    const { changes, draws } = expansion.expand(identity, source, dynamics);
    published.push(id);
    book.serve(source.replace(changes, { serial: 'keep' }), { id, source, draws });
  };
  expansion.onChanged = publish;
  /** Serves a source with its dynamics. */
  const load = (source: Zone, sets: readonly IHealthRecordSet[] = []) => {
    const id = formatName(source.apex).slice(0, -1);
    const identity = identityOf({ name: id });
    const aliases = [...source.rrsets()].filter(({ type }) => type === recordType.ALIAS);
    const dynamics = { aliases, health: sets };
    zones.set(id, { identity, source, dynamics });
    publish(id);
    expansion.served(identity, dynamics);
  };
  /** What is served for a name: data of a type, or what a draw says. */
  const served = (name: Buffer, type: string): string[] => {
    const version = book.closest(name)?.served;
    const wanted = type === 'A' ? recordType.A : recordType.AAAA;
    const draw = version?.draws.find((one) => one.type === wanted && one.name.equals(name));
    if (draw?.isFailed === true) return ['failed'];
    const { rdatas = [] } = version?.zone.rrset(name, wanted) ?? {};
    return rdatas.map((rdata) => rdataCodec(wanted).format(rdata));
  };
  const types = (name: Buffer): string[] =>
    (book.closest(name)?.served?.zone.node(name)?.types() ?? []).map(recordTypeName);
  return { expansion, clock, book, resolver, health, load, served, types, published, settled };
}
