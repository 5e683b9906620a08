import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../ts/core/clock.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { streamed } from '../ts/dns/answer/index.ts';
import { ednsOption } from '../ts/dns/codec/edns.ts';
import { decodeMessage, isMessageError } from '../ts/dns/codec/message.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { Recursion } from '../ts/dns/plane/recursion.ts';
import { ResolverService } from '../ts/dns/plane/resolver-service.ts';
import { ViewHandler } from '../ts/dns/plane/view-handler.ts';
import { ViewZones } from '../ts/dns/plane/view-zones.ts';
import { ClientSet } from '../ts/net/client-set.ts';
import { record } from './dns/internet.ts';
import { plainEdns, queryFor, zoneOf } from './dns/query.ts';
import { randomFrom } from './suites/random.ts';

const rounds = 6000;
const everybody = new ClientSet(['0.0.0.0/0', '::/0'], { get: () => undefined });

/** A handler with zones, a view and a resolver whose cache has a name, and that reaches nobody. */
function handlerOf(): ViewHandler {
  const nobody = { openDatagram: refuse, openStream: refuse, post: refuse, close: () => undefined };
  const service = new ResolverService({
    clock: systemClock,
    logger: silentLogger,
    own: () => null,
    overrides: { hostsPath: null, transport: nobody, mode: { type: 'forward', upstreams: [] } },
  });
  const asked = { name: parseName('www.test'), type: 1, checkingDisabled: false };
  const answer = [
    record('www.test. 3600 A 192.0.2.1'),
    record('www.test. 3600 RRSIG A 13 2 60 20300101000000 20200101000000 1 test. AAAA'),
  ];
  const kept = {
    rcode: 0,
    answer,
    authority: [],
    security: 'secure',
    extendedError: null,
  } as const;
  service.current.cache.store(asked, kept);
  const zones = new ViewZones();
  const zone = zoneOf(
    '@ 300 SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nout CNAME www.test.\nsub NS ns',
  );
  const served = { zone, signer: null, draws: [] };
  zones.set({ id: 'a', apex: zone.apex, view: null, state: 'serving', served });
  const handler = new ViewHandler(zones, null);
  const foreign = new Recursion(everybody, service);
  handler.use({ views: [{ name: 'v', clients: everybody }], answerer: { foreign }, special: null });
  return handler;
}

function refuse(): never {
  throw new Error('Nobody is asked');
}

const options = [
  { code: ednsOption.COOKIE, data: Buffer.alloc(8) },
  { code: ednsOption.PADDING, data: Buffer.alloc(9) },
];
const seeds = [
  'www.test',
  'ns.example.org',
  'out.example.org',
  'x.sub.example.org',
  'nobody.test',
].flatMap((name) =>
  ['A', 'DS', 'ANY', 'RRSIG'].flatMap((type) => [
    queryFor(name, type, { recursionDesired: true, edns: { ...plainEdns, do: true } }),
    queryFor(name, type, { recursionDesired: true, edns: { ...plainEdns, options } }),
    queryFor(name, type, { recursionDesired: true }),
  ]),
);

test('whatever is sent is answered by a message that is not too long, or not at all', async () => {
  const handler = handlerOf();
  const pick = randomFrom(20_26);
  const out = Buffer.alloc(65_535);
  const seen = { none: 0, answer: 0, streamed: 0 };
  for (let round = 0; round < rounds; round++) {
    const transport = (['udp', 'tcp', 'https'] as const)[pick(3)] ?? 'udp';
    const query = Buffer.from(seeds[pick(seeds.length)] as Buffer);
    for (let count = pick(4); count > 0; count--) query[pick(query.length)] = pick(256);
    const bytes = pick(8) === 0 ? query.subarray(0, pick(query.length)) : query;
    const client = { address: '192.0.2.9', transport };
    const length = handler.answer(bytes, client, out);
    if (length === 0) {
      seen.none++;
      continue;
    }
    const isLater = length === streamed;
    seen[isLater ? 'streamed' : 'answer']++;
    const answer = isLater ? await handler.answerOnce(bytes, client) : out.subarray(0, length);
    if (answer === null) continue;
    const message = decodeMessage(answer);
    if (isMessageError(message)) assert.fail(`${message.reason}: ${bytes.toString('hex')}`);
    assert.ok(message.response && answer.readUInt16BE(0) === bytes.readUInt16BE(0));
    if (transport === 'udp') assert.ok(answer.length <= 1232, bytes.toString('hex'));
  }
  assert.ok(seen.none > 0 && seen.answer > 1000 && seen.streamed > 100, JSON.stringify(seen));
});
