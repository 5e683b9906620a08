import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { type IMessage, type IRecord, responseTo } from '../ts/dns/codec/message.ts';
import { type ITsigKey, readTsig } from '../ts/dns/codec/tsig.ts';
import { TsigSigner } from '../ts/dns/codec/tsig-stream.ts';
import { rcode, recordType } from '../ts/dns/codec/types.ts';
import { SecondaryKeeper } from '../ts/dns/transfer/index.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import type { IZonePeer } from '../ts_interfaces/index.ts';
import { FakeBook } from './dns/fake-book.ts';
import { FakeNetwork, once } from './dns/fake-primary.ts';
import { decoded } from './dns/query.ts';
import { lineOf, recordOf, smallZone, testKeys } from './dns/special.ts';

const id = 'example.org';
const mover = testKeys.named('mover') as ITsigKey;
const primary: IZonePeer = { address: '192.0.2.1' };

const soa = (serial: number) =>
  recordOf(
    `example.org. 300 SOA ns.example.org. hostmaster.example.org. ${serial} 7200 900 1209600 60`,
  );
const ns = recordOf('example.org. 300 NS ns.example.org.');
const glue = recordOf('ns.example.org. 300 A 192.0.2.1');
const www = recordOf('www.example.org. 300 A 192.0.2.2');
const good = [soa(11), ns, glue, www, soa(11)];

/** What a primary sends for a transfer: messages of records. */
type TMessages = (
  query: IMessage,
) => readonly (readonly IRecord[])[] | AsyncIterable<readonly IRecord[]>;

interface IHostile {
  readonly serial?: number;
  readonly transfer: TMessages;
  /** Changes a message before it is sent. @param index of it. */
  readonly mangle?: (bytes: Buffer, index: number, query: IMessage) => Buffer;
  readonly more?: Partial<IMessage>;
  readonly key?: ITsigKey;
  /** Whether the primary leaves the connection open behind its messages. */
  readonly isHanging?: boolean;
}

function setup(context: TestContext, hostile: IHostile, zone: Zone | null = smallZone(10)) {
  const clock = new ManualClock();
  const network = new FakeNetwork();
  const book = new FakeBook(clock);
  const asked: number[] = [];
  network.servers.set(primary.address, (bytes) => {
    const query = decoded(bytes);
    const type = query.question[0]?.type as number;
    asked.push(type);
    return type === recordType.SOA
      ? soaAnswer(query, hostile, clock)
      : played(query, hostile, clock);
  });
  const peer = hostile.key === undefined ? primary : { ...primary, key: 'mover' };
  const times = { checkedAt: clock.now(), checkedWith: 'x' };
  book.put({ name: id, primaries: [peer] }, zone, zone === null ? {} : { times });
  const keeper = new SecondaryKeeper({
    book,
    keys: () => testKeys,
    transport: network,
    clock,
    random: () => 0,
    limits: { recordsMax: 10_000, bytesMax: 1_000_000 },
  });
  context.after(() => keeper.stop());
  keeper.start();
  return { clock, network, book, asked, keeper };
}

function signerFor(query: IMessage, key: ITsigKey | undefined): TsigSigner | null {
  const tsig = query.tsig === null ? null : readTsig(query.tsig);
  return tsig === null || key === undefined ? null : new TsigSigner(key, tsig.mac);
}

function soaAnswer(query: IMessage, hostile: IHostile, clock: ManualClock) {
  const answer = [soa(hostile.serial ?? 11)];
  const bytes = encodeMessage({ ...responseTo(query, 0), authoritative: true, answer });
  return once(
    signerFor(query, hostile.key === undefined ? undefined : mover)?.sign(
      bytes,
      clock.now() / 1000,
    ) ?? bytes,
  );
}

async function* played(
  query: IMessage,
  hostile: IHostile,
  clock: ManualClock,
): AsyncGenerator<Buffer> {
  const signer = signerFor(query, hostile.key);
  let index = 0;
  for await (const answer of hostile.transfer(query)) {
    const bytes = encodeMessage({
      ...responseTo(query, 0),
      authoritative: true,
      answer,
      ...hostile.more,
    });
    const signed = signer?.sign(bytes, Math.floor(clock.now() / 1000)) ?? bytes;
    yield hostile.mangle?.(signed, index, query) ?? signed;
    index++;
  }
  if (hostile.isHanging) await new Promise(() => undefined);
}

async function* endless(): AsyncGenerator<readonly IRecord[]> {
  yield [soa(11), ns];
  for (;;) yield Array.from({ length: 50 }, () => www);
}

/** The same as messages of one record each. */
const apart = (records: readonly IRecord[]) => records.map((record) => [record]);
const renamed = (record: IRecord, more: Partial<IRecord>): IRecord => ({ ...record, ...more });
const isIxfr = ({ question }: IMessage): boolean => question[0]?.type === recordType.IXFR;

const attacks: (IHostile & { readonly what: string; readonly reason: RegExp })[] = [
  { what: 'breaks off', transfer: () => [good.slice(0, 3)], reason: /its transfer broke off/ },
  { what: 'is empty', transfer: () => [[]], reason: /empty message/ },
  { what: 'never ends', transfer: endless, reason: /too many records/ },
  {
    what: 'has endless bytes',
    transfer: () =>
      Array.from({ length: 80 }, (_, at) => [
        ...(at === 0 ? [soa(11)] : []),
        renamed(www, { type: 65_280, rdata: Buffer.alloc(30_000, at) }),
      ]),
    reason: /too many bytes/,
  },
  {
    what: 'does not begin with a SOA',
    transfer: () => [good.slice(1)],
    reason: /does not begin with a SOA/,
  },
  {
    what: 'ends with another SOA',
    transfer: () => [[...good.slice(0, -1), soa(12)]],
    reason: /changed while/,
  },
  {
    what: 'goes on behind its end',
    transfer: () => [[...good, www]],
    reason: /goes on behind its end/,
  },
  {
    what: 'has a name outside of the zone',
    transfer: () => [
      [soa(11), ns, glue, renamed(www, { name: recordOf('a.evil.com. 1 TXT x').name }), soa(11)],
    ],
    reason: /outside of the zone: a\.evil\.com/,
  },
  {
    what: 'has another class',
    transfer: () => [[soa(11), ns, glue, renamed(www, { class: 3 }), soa(11)]],
    reason: /records that no zone has/,
  },
  {
    what: 'has a type of questions',
    transfer: () => [[soa(11), ns, renamed(www, { type: recordType.ANY }), soa(11)]],
    reason: /records that no zone has/,
  },
  {
    what: 'has a SOA below the apex',
    transfer: () => [[soa(11), ns, renamed(soa(11), { name: www.name }), soa(11)]],
    reason: /SOA below the apex/,
  },
  {
    what: 'has no NS',
    transfer: () => [[soa(11), glue, soa(11)]],
    reason: /its zone is invalid: .*NS/,
  },
  {
    what: 'has no address for its only NS',
    transfer: () => [[soa(11), ns, www, soa(11)]],
    reason: /its zone is invalid/,
  },
  {
    what: 'has a CNAME beside other data',
    transfer: () => [
      [soa(11), ns, glue, www, recordOf('www.example.org. 1 CNAME ns.example.org.'), soa(11)],
    ],
    reason: /its zone is invalid/,
  },
  {
    what: 'is refused',
    transfer: () => [[]],
    more: { rcode: rcode.REFUSED },
    reason: /it says REFUSED/,
  },
  {
    what: 'is truncated',
    transfer: () => [good],
    more: { truncated: true },
    reason: /is truncated/,
  },
  {
    what: 'answers another question',
    transfer: () => [good],
    more: { question: [{ name: www.name, type: recordType.AXFR, class: 1 }] },
    reason: /another question/,
  },
  { what: 'has another id', transfer: () => [good], more: { id: 1 }, reason: /another message/ },
  {
    what: 'is no message',
    transfer: () => [good],
    mangle: (bytes) => bytes.subarray(0, bytes.length - 5),
    reason: /malformed/,
  },
  {
    what: 'is older than what the SOA said',
    transfer: () => [[soa(9), ...good.slice(1, -1), soa(9)]],
    reason: /serial 9, which is not newer than 10/,
  },
  {
    what: 'is not signed',
    key: mover,
    transfer: () => [good],
    mangle: (bytes) => unsigned(bytes),
    reason: /not signed/,
  },
  {
    what: 'is signed wrongly in the first message',
    key: mover,
    transfer: () => apart(good),
    mangle: (bytes, index) => (index === 0 ? spoilt(bytes) : bytes),
    reason: /BADSIG/,
  },
  {
    what: 'is signed wrongly midway',
    key: mover,
    transfer: () => apart(good),
    mangle: (bytes, index) => (index === 2 ? spoilt(bytes) : bytes),
    reason: /BADSIG/,
  },
  {
    what: 'was changed in an unsigned message',
    key: mover,
    transfer: () => apart(good),
    mangle: (bytes, index) => (index === 2 ? changed(unsigned(bytes)) : bytes),
    reason: /BADSIG/,
  },
  {
    what: 'is not signed in its last message',
    key: mover,
    transfer: () => apart(good),
    mangle: (bytes, index) => (index === 4 ? unsigned(bytes) : bytes),
    reason: /the last message of its transfer is not signed/,
  },
  {
    what: 'has differences for another version',
    transfer: (query) => (isIxfr(query) ? [[soa(11), soa(10), www, soa(11), soa(11)]] : [[ns]]),
    reason: /does not begin with a SOA/,
  },
  {
    what: 'has differences that do not follow each other',
    transfer: (query) =>
      isIxfr(query) ? [[soa(12), soa(10), soa(11), www, soa(9), soa(12), soa(12)]] : [[ns]],
    reason: /does not begin with a SOA/,
  },
];

/** Without the TSIG record. */
function unsigned(bytes: Buffer): Buffer {
  const { tsig, ...message } = decoded(bytes);
  assert.ok(tsig);
  return encodeMessage({ ...message, tsig: null });
}

/** With another MAC. */
function spoilt(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 10] = (copy[copy.length - 10] as number) ^ 1;
  return copy;
}

/** With another address. */
function changed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1;
  return copy;
}

for (const attack of attacks) {
  test(`a transfer that ${attack.what} changes nothing`, async (context) => {
    const { book, network } = setup(context, attack);
    await book.until(() => book.warnings.size > 0);
    assert.match(book.warnings.get(`${id} transfer`) ?? '', attack.reason);
    assert.equal(book.get(id)?.served?.zone.serial, 10);
    assert.deepEqual(book.outcomes, []);
    assert.equal(network.open, 0);
  });
}

for (const [what, messages] of [
  ['in one message', [good]],
  ['in a message for each record', apart(good)],
] as const) {
  for (const key of [undefined, mover]) {
    test(`a good transfer ${what} is served${key === undefined ? '' : ', signed'}`, async (context) => {
      const { book, network } = setup(context, { transfer: () => messages, key });
      await book.until(() => book.outcomes.length > 0);
      assert.equal(book.get(id)?.served?.zone.serial, 11);
      assert.equal(network.open, 0);
    });
  }
}

test('a transfer that stalls is given up after 30 seconds', async (context) => {
  const { book, network, clock } = setup(
    context,
    { transfer: () => [good.slice(0, 2)], isHanging: true },
    null,
  );
  while (network.open === 0) await new Promise((done) => setImmediate(done));
  await new Promise((done) => setImmediate(done));
  clock.advance(29_000);
  assert.equal(network.open, 1);
  clock.advance(2000);
  await book.until(() => book.warnings.size > 0);
  assert.match(book.warnings.get(`${id} transfer`) ?? '', /its transfer stalls/);
  assert.equal(network.open, 0);
});

test('differences of several versions are put together', async (context) => {
  const other = recordOf('www.example.org. 60 A 192.0.2.3');
  const { book, asked } = setup(context, {
    serial: 13,
    transfer: () => [
      [soa(13), soa(10), glue, soa(11)],
      [www, recordOf('ns.example.org. 300 A 192.0.2.9'), soa(11), www, soa(13), other],
      [soa(13)],
    ],
  });
  await book.until(() => book.outcomes.length > 0);
  assert.deepEqual(asked, [recordType.SOA, recordType.IXFR]);
  const zone = book.get(id)?.served?.zone as Zone;
  const lines = [...zone.rrsets()].flatMap(({ rdatas, ...rrset }) =>
    rdatas.map((rdata) => lineOf({ ...rrset, rdata })),
  );
  assert.deepEqual(lines.slice(1), [
    'example.org. 300 NS ns.example.org.',
    'ns.example.org. 300 A 192.0.2.9',
    'www.example.org. 60 A 192.0.2.3',
  ]);
  assert.equal(zone.serial, 13);
});

test('a primary without IXFR, or with one that does not fit, is asked for all', async (context) => {
  for (const answer of [[soa(11), soa(10), www, soa(11), soa(11)], good]) {
    const { book, asked } = setup(context, {
      transfer: (query) => [isIxfr(query) ? answer : good],
    });
    await book.until(() => book.outcomes.length > 0);
    assert.equal(book.get(id)?.served?.zone.serial, 11);
    assert.deepEqual(asked.slice(0, 2), [recordType.SOA, recordType.IXFR]);
  }
});

test('a SOA alone by IXFR says that there is nothing newer', async (context) => {
  const { book } = setup(context, { serial: 11, transfer: () => [[soa(10)]] });
  await book.until(() => book.outcomes.length > 0);
  assert.equal(book.outcomes[0]?.kind, 'current');
  assert.equal(book.get(id)?.served?.zone.serial, 10);
});

test('signatures keep the TTL of what they cover through differences', async (context) => {
  const rrsig = (type: string, ttl: number, tag: number) =>
    recordOf(
      `www.example.org. ${ttl} RRSIG ${type} 13 3 ${ttl} 20300101000000 20200101000000 ${tag} example.org. AAAA`,
    );
  const signatures = [rrsig('A', 300, 1), rrsig('TXT', 60, 1)];
  const base = smallZone(10, 'www A 192.0.2.2\nwww 60 TXT x').replace(
    signatures.map(({ name, type, ttl, rdata }) => {
      return { name, type, ttl, rdatas: [rdata], covered: rdata.readUInt16BE(0) };
    }),
    { serial: 'keep' },
  );
  const kept = (zone: Zone) =>
    (zone.node(www.name)?.rrsets() ?? [])
      .filter(({ type }) => type === recordType.RRSIG)
      .map(({ ttl, rdatas }) => `${ttl} ${rdatas[0]?.readUInt16BE(16)}`);
  assert.deepEqual(kept(base), ['300 1', '60 1']);
  const fresh = rrsig('TXT', 60, 2);
  const differences = [soa(11), base.soa(), rrsig('TXT', 60, 1), soa(11), fresh, soa(11)];
  const messages = differences.map((record) =>
    'rdatas' in record ? { ...soa(10), rdata: record.rdatas[0] as Buffer } : record,
  );
  const { book, asked } = setup(context, { transfer: () => [messages] }, base);
  await book.until(() => book.outcomes.length > 0);
  assert.deepEqual(asked, [recordType.SOA, recordType.IXFR]);
  assert.deepEqual(kept(book.get(id)?.served?.zone as Zone), ['300 1', '60 2']);
});
