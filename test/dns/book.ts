import { EventBus } from '../../ts/core/event-bus.ts';
import { silentLogger } from '../../ts/core/logger.ts';
import { ManualClock } from '../../ts/core/manual-clock.ts';
import { parseName } from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { tokensOf } from '../../ts/dns/codec/tokens.ts';
import { recordTypeOf } from '../../ts/dns/codec/types.ts';
import type { IResolver } from '../../ts/dns/resolver/index.ts';
import { formatRrset } from '../../ts/dns/zone/master-writer.ts';
import type { IStages } from '../../ts/dns/zones/stages.ts';
import type { IRecordSetChange } from '../../ts/dns/zones/types.ts';
import { ZoneBook } from '../../ts/dns/zones/zone-book.ts';
import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import { BreakableStore } from '../suites/breakable-store.ts';
import { NullExpansion, NullSigning } from './null-stages.ts';

/** What a book of a test works with. */
export interface IBookWorld {
  readonly store: BreakableStore;
  readonly clock: ManualClock;
  readonly bus: EventBus;
  readonly stages: IStages;
  readonly baseFolder: string;
}

/** A world with an open store in memory. */
export async function makeWorld(world: Partial<IBookWorld> = {}): Promise<IBookWorld> {
  const store = world.store ?? new BreakableStore();
  if (world.store === undefined) await store.open();
  return {
    store,
    clock: world.clock ?? new ManualClock(),
    bus: world.bus ?? new EventBus(),
    stages: world.stages ?? { expansion: new NullExpansion(), signing: new NullSigning() },
    baseFolder: world.baseFolder ?? '/nowhere',
  };
}

/** A book that has read the store; with the same world again it is the one after a kill. */
export async function openBook(
  { store, clock, bus, stages, baseFolder }: IBookWorld,
  zones: readonly IZoneOptions[] = [],
): Promise<ZoneBook> {
  const book = new ZoneBook({
    store,
    clock,
    bus,
    logger: silentLogger,
    resolver: () => ({}) as IResolver,
    health: { backends: () => undefined, follow: () => () => undefined },
    isInMemory: true,
    dataDir: undefined,
    baseFolder: () => baseFolder,
    stages: () => stages,
  });
  await book.load();
  await put(book, zones);
  return book;
}

/** Answers for zones, or for other versions of them. */
export async function put(book: ZoneBook, zones: readonly IZoneOptions[]): Promise<void> {
  book.apply(await book.prepare({ set: zones, removed: [] }));
}

/** A small zone. */
export const example: IZoneOptions = {
  name: 'example.org',
  nameservers: ['ns1.example.net', 'ns2.example.net'],
  records: ['www 300 A 192.0.2.1', 'www 300 A 192.0.2.2', '@ TXT "hello"', '* A 192.0.2.9'],
};

/** A name in wire form. */
export function name(text: string): Buffer {
  return parseName(text);
}

/** A change; no data takes the record set away. */
export function change(
  owner: string,
  type: string,
  data: readonly string[] = [],
  ttl = 300,
): IRecordSetChange {
  const number = recordTypeOf(type) as number;
  const rdatas = data.map((text) => rdataCodec(number).parse(tokensOf(text), name('example.org.')));
  return { name: name(owner), type: number, ttl, rdatas };
}

/** What is answered of a record set: `300 192.0.2.1 192.0.2.2`; empty: nothing. */
export function served(book: ZoneBook, owner: string, type: string, id = 'example.org'): string {
  const rrset = book.get(id)?.served?.zone.rrset(name(owner), recordTypeOf(type) as number);
  if (rrset === undefined) return '';
  const { format } = rdataCodec(rrset.type);
  return [rrset.ttl, ...rrset.rdatas.map((rdata) => format(rdata))].join(' ');
}

/** The serial that clients see. */
export function serial(book: ZoneBook, id = 'example.org'): number | undefined {
  return book.get(id)?.served?.zone.serial;
}

/** All that a zone holds, without its SOA. */
export function content(book: ZoneBook, id = 'example.org'): string[] {
  const zone = book.get(id)?.source;
  return [...(zone?.rrsets() ?? [])].slice(1).map(formatRrset);
}

/** The text of an export. */
export async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}
