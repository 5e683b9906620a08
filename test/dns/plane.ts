import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { EventBus } from '../../ts/core/event-bus.ts';
import { type ILogger, silentLogger } from '../../ts/core/logger.ts';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import { responseTo } from '../../ts/dns/codec/message.ts';
import { equalNames, formatName, lowerName, parseName } from '../../ts/dns/codec/name.ts';
import { recordType, recordTypeName } from '../../ts/dns/codec/types.ts';
import { DnsPlane, type IDnsPlaneParts } from '../../ts/dns/plane/index.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import type {
  IHostedZone,
  IServedVersion,
  IZoneBook,
  IZoneListener,
} from '../../ts/dns/zones/types.ts';
import { AddressLists } from '../../ts/net/address-list.ts';
import { MemoryStore } from '../../ts/storage/memory-store.ts';
import type { IDnsOptions } from '../../ts_interfaces/index.ts';
import { records } from './internet.ts';
import { decoded, zoneOf } from './query.ts';

/** Hosts the zones that a test gives it. */
export class BookDouble implements Pick<IZoneBook, 'zones' | 'follow'> {
  private readonly hosted = new Map<string, IHostedZone>();
  private readonly listeners = new Set<IZoneListener>();

  /** Serves a zone: records besides SOA and NS, as text. */
  set(name: string, records: string, view?: string): Zone {
    const zone = zoneOf(
      `@ 300 SOA ns h 1 1 1 1 60\n@ 300 NS ns\nns 300 A 192.0.2.53\n${records}\n`,
      `${name}.`,
    );
    this.serve(name, { zone, signer: null, draws: [] }, view);
    return zone;
  }

  /** Serves a version, or nothing: it is loading. */
  serve(name: string, served: IServedVersion | null, view?: string): void {
    const id = view === undefined ? name : `${name}@${view}`;
    const hosted: IHostedZone = {
      id,
      apex: parseName(name),
      options: { name, ...(view === undefined ? {} : { view }) },
      isSecondary: false,
      state: served === null ? 'loading' : 'serving',
      source: null,
      served,
      history: [],
    };
    this.hosted.set(id, hosted);
    for (const listener of this.listeners) listener.onServed(hosted);
  }

  remove(id: string): void {
    const hosted = this.hosted.get(id);
    this.hosted.delete(id);
    if (hosted !== undefined) for (const listener of this.listeners) listener.onRemoved(hosted);
  }

  zones(): Iterable<IHostedZone> {
    return this.hosted.values();
  }

  follow(listener: IZoneListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** What was logged. */
export function loggerOf(events: string[]): ILogger {
  const log = (event: string): void => void events.push(event);
  return { ...silentLogger, error: log, warn: log, info: log };
}

/** A plane that is closed with the test, not yet with options. */
export async function planeOf(context: TestContext, parts: Partial<IDnsPlaneParts> = {}) {
  const book = new BookDouble();
  const bus = new EventBus();
  const store = new MemoryStore();
  await store.open();
  const lists = new AddressLists();
  const tls = { contexts: { find: async () => undefined } };
  const plane = new DnsPlane({
    ...{ book, bus, store, lists, tls, logger: silentLogger },
    resolver: { hostsPath: null },
    ...parts,
  });
  context.after(async () => {
    await plane.stop(0);
    plane.end();
    await store.close();
  });
  const use = async (options: IDnsOptions | undefined): Promise<void> => {
    plane.apply(await plane.prepare(options));
    await plane.live();
  };
  const port = (name = 'dns'): number => plane.addresses()[name]?.port ?? 0;
  return { plane, book, bus, store, lists, use, port };
}

/** One listener on the loopback. */
export const onLoopback = { dns: { address: '127.0.0.1', port: 0 } } as const;

/** A resolver on the loopback that knows these records, of any name; it counts its questions. */
export async function upstreamOf(context: TestContext, lines: string) {
  const known = records(lines);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  context.after(() => socket.close());
  await once(socket, 'listening');
  const upstream = {
    server: `127.0.0.1:${socket.address().port}`,
    asked: [] as string[],
    /** Answers of names that are not known; null: nothing is answered at all. */
    rcode: 3 as number | null,
    isSecure: false,
  };
  socket.on('message', (bytes, { port, address }) => {
    const query = decoded(bytes);
    const [question] = query.question;
    if (question === undefined || upstream.rcode === null) return;
    const { name, type } = question;
    upstream.asked.push(`${formatName(lowerName(name))} ${recordTypeName(type)}`);
    const ofName = known.filter((record) => equalNames(record.name, name));
    const answer = ofName.filter((record) =>
      [type, recordType.CNAME, recordType.RRSIG].includes(record.type),
    );
    const zone = known.find((record) => record.type === recordType.SOA);
    const isNegative = answer.every((record) => record.type === recordType.RRSIG);
    const answered = {
      ...responseTo(query, ofName.length > 0 ? 0 : upstream.rcode),
      recursionAvailable: true,
      authenticatedData: upstream.isSecure,
      edns: query.edns,
      answer: isNegative ? [] : answer,
      authority: isNegative && zone !== undefined ? [zone] : [],
    };
    socket.send(encodeMessage(answered), port, address);
  });
  return upstream;
}
