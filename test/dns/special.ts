import { EventBus } from '../../ts/core/event-bus.ts';
import { ManualClock } from '../../ts/core/manual-clock.ts';
import { Answerer, type IDnsClient, ZoneSet } from '../../ts/dns/answer/index.ts';
import { encodeMessage } from '../../ts/dns/codec/encode.ts';
import { emptyMessage, type IMessage, type IRecord } from '../../ts/dns/codec/message.ts';
import { formatName, parseName } from '../../ts/dns/codec/name.ts';
import { rdataCodec } from '../../ts/dns/codec/rdata.ts';
import { recordTypeName, recordTypeOf } from '../../ts/dns/codec/types.ts';
import { SpecialQueries, TransferCounters, TransferSender } from '../../ts/dns/transfer/index.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { TsigKeys } from '../../ts/dns/zones/tsig-keys.ts';
import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import { FakeBook } from './fake-book.ts';
import { decoded, zoneOf } from './query.ts';

/** Base64 of secrets that tests share with their peers. */
export const secrets = {
  sha256: Buffer.alloc(32, 1).toString('base64'),
  sha512: Buffer.alloc(64, 2).toString('base64'),
  other: Buffer.alloc(32, 3).toString('base64'),
};

/** The keys of the tests. */
export const testKeys = new TsigKeys({
  mover: { secret: secrets.sha256 },
  'big.mover': { algorithm: 'hmac-sha512', secret: secrets.sha512 },
});

/** Clients of the tests. */
export const byTcp: IDnsClient = { address: '192.0.2.7', transport: 'tcp' };
export const byUdp: IDnsClient = { address: '192.0.2.7', transport: 'udp' };

/** A small zone. @param more lines of its file. */
export function smallZone(serial: number, more = '', origin = 'example.org.'): Zone {
  return zoneOf(
    `$TTL 300\n@ SOA ns hostmaster ${serial} 7200 900 1209600 60\n@ NS ns\nns A 192.0.2.1\n${more}`,
    origin,
  );
}

/** All special queries of one view, over a fake book. */
export function specialSetup(more: { activeMax?: number } = {}) {
  const clock = new ManualClock();
  const bus = new EventBus();
  const counters = new TransferCounters();
  const notified: (readonly [string, number | null])[] = [];
  const zones = new ZoneSet();
  const book = new FakeBook(clock, zones);
  const answerer: Answerer = new Answerer(zones, { clock });
  const special = new SpecialQueries({
    book,
    view: null,
    keys: () => testKeys,
    lists: {
      get: (name) => (name === 'friends' ? { contains: (ip) => ip === '192.0.2.7' } : undefined),
    },
    plain: () => answerer,
    notified: (id, serial) => notified.push([id, serial]),
    bus,
    counters,
    sender: new TransferSender({ counters, ...more }),
    clock,
  });
  const send = async (bytes: Buffer, client: IDnsClient = byTcp): Promise<Buffer[]> => {
    const answers: Buffer[] = [];
    for await (const answer of special.answer(decoded(bytes), bytes, client)) answers.push(answer);
    return answers;
  };
  return { clock, bus, counters, notified, book, special, send, zones };
}

/** Options of a zone that anybody may transfer. */
export function openZone(more: Partial<IZoneOptions> = {}): IZoneOptions {
  return { name: 'example.org', transfer: ['any'], ...more };
}

/** A query that is no question about an ordinary type. */
export function specialQuery(
  type: string,
  more: Partial<IMessage> = {},
  name = 'example.org',
): Buffer {
  const question = [{ name: parseName(name), type: recordTypeOf(type) as number, class: 1 }];
  return encodeMessage({ ...emptyMessage, id: 4711, question, ...more });
}

/** All records of the messages of an answer, as lines. */
export function linesOf(messages: readonly Buffer[]): string[] {
  return messages.flatMap((bytes) => decoded(bytes).answer.map(lineOf));
}

/** A record as a line of a master file. */
export function lineOf({ name, type, ttl, rdata }: IRecord): string {
  return `${formatName(name)} ${ttl} ${recordTypeName(type)} ${rdataCodec(type).format(rdata)}`;
}

/** A record out of such a line: `www.example.org. 300 A 192.0.2.1`. */
export function recordOf(line: string, classNumber = 1): IRecord {
  const [name = '', ttl, typeName = ''] = line.split(' ');
  const type = recordTypeOf(typeName) as number;
  const text = line.split(' ').slice(3).join(' ');
  const zone = zoneOf(
    `@ 1 SOA a a 1 1 1 1 1\n@ 1 NS a\nx.y 1 ${typeName === 'SOA' ? 'TXT x' : `${typeName} ${text}`}`,
    'test.',
  );
  const rdata =
    typeName === 'SOA'
      ? (zoneOf(`@ 1 SOA ${text}\n@ 1 NS a`, 'test.').soa().rdatas[0] as Buffer)
      : (zone.rrset(parseName('x.y.test'), type)?.rdatas[0] as Buffer);
  return { name: parseName(name), type, class: classNumber, ttl: Number(ttl), rdata };
}
