import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extendedErrors } from '../ts/dns/codec/edns.ts';
import type { IRecord } from '../ts/dns/codec/message.ts';
import { signMessage } from '../ts/dns/codec/tsig.ts';
import { TsigStream } from '../ts/dns/codec/tsig-stream.ts';
import { rcode, recordType } from '../ts/dns/codec/types.ts';
import { DnssecKey, entryPointFlags, ZoneSigner } from '../ts/dns/dnssec/index.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import { singleKey } from './dns/dnssec/signed-zone.ts';
import { decoded, plainEdns } from './dns/query.ts';
import {
  byTcp,
  byUdp,
  linesOf,
  openZone,
  smallZone,
  specialQuery,
  specialSetup,
  testKeys,
} from './dns/special.ts';

const many = Array.from(
  { length: 3000 },
  (_, index) => `h${index} A 10.0.${index >> 8}.${index & 255}`,
);
const edns = plainEdns;

function rcodeOf(answers: readonly Buffer[]): number {
  return decoded(answers[0] as Buffer).rcode;
}

function ixfr(zone: Zone, serial = zone.serial, more = {}): Buffer {
  const soa = zone.soa();
  const rdata = Buffer.from(soa.rdatas[0] as Buffer);
  rdata.writeUInt32BE(serial, rdata.length - 20);
  const authority: IRecord[] = [{ ...soa, rdata }];
  return specialQuery('IXFR', { authority, ...more });
}

test('AXFR sends every record once between two SOA, in messages of a fair size', async () => {
  const { book, send } = specialSetup();
  const zone = smallZone(7, many.join('\n'));
  book.put(openZone(), zone);
  const answers = await send(specialQuery('AXFR'));
  assert.ok(answers.length > 1);
  assert.ok(answers.every(({ length }) => length <= 17_000));
  const lines = linesOf(answers);
  assert.equal(lines.length, zone.recordCount + 1);
  assert.match(lines[0] as string, /^example\.org\. 300 SOA .* 7 /);
  assert.equal(lines[0], lines.at(-1));
  assert.equal(new Set(lines).size, zone.recordCount);
  const [first, second] = answers.map(decoded);
  assert.equal(first?.question.length, 1);
  assert.equal(second?.question.length, 0);
  assert.ok(first?.authoritative && second?.authoritative);
});

test('a version of which something is not known yet is not transferred', async () => {
  const { book, send } = specialSetup();
  book.put(openZone(), smallZone(7), { isProvisional: true });
  for (const query of [specialQuery('AXFR', { edns }), ixfr(smallZone(7), 6, { edns })]) {
    const [answer] = (await send(query)).map(decoded);
    assert.equal(answer?.rcode, rcode.SERVFAIL);
    assert.equal(extendedErrors(answer?.edns)[0]?.code, 14);
  }
});

test('AXFR goes on with the version that it began with', async () => {
  const { book, special } = specialSetup();
  book.put(openZone(), smallZone(7, many.join('\n')));
  const query = specialQuery('AXFR');
  const answers: Buffer[] = [];
  for await (const answer of special.answer(decoded(query), query, byTcp)) {
    answers.push(answer);
    if (answers.length === 1) book.serve('example.org', smallZone(8));
  }
  assert.equal(linesOf(answers).length, 3004);
  assert.match(linesOf(answers).at(-1) as string, / 7 7200 /);
});

test('a transfer that is given up frees its place, and only so many are under way', async () => {
  const { book, special, send, counters } = specialSetup({ activeMax: 1 });
  book.put(openZone(), smallZone(7, many.join('\n')));
  const query = specialQuery('AXFR', { edns });
  const held = special.answer(decoded(query), query, byTcp);
  await held.next();
  const refused = decoded((await send(query))[0] as Buffer);
  assert.equal(refused.rcode, rcode.REFUSED);
  assert.match(extendedErrors(refused.edns)[0]?.text ?? '', /Too many/);
  await held.return();
  assert.equal(counters.outActive, 0);
  assert.equal(rcodeOf(await send(query)), rcode.NOERROR);
});

const refusals = [
  { why: 'by UDP', query: specialQuery('AXFR'), client: byUdp, code: rcode.FORMERR },
  {
    why: 'by HTTPS',
    query: specialQuery('AXFR'),
    client: { ...byTcp, transport: 'https' as const },
    code: rcode.NOTIMP,
  },
  {
    why: 'of a foreign zone',
    query: specialQuery('AXFR', {}, 'example.com'),
    client: byTcp,
    code: rcode.NOTAUTH,
  },
  {
    why: 'of a name in a zone',
    query: specialQuery('AXFR', {}, 'ns.example.org'),
    client: byTcp,
    code: rcode.NOTAUTH,
  },
  {
    why: 'of a closed zone',
    query: specialQuery('AXFR', {}, 'closed.org'),
    client: byTcp,
    code: rcode.REFUSED,
  },
  {
    why: 'without a key',
    query: specialQuery('AXFR', {}, 'keyed.org'),
    client: byTcp,
    code: rcode.REFUSED,
  },
  {
    why: 'of a zone that is not loaded',
    query: specialQuery('AXFR', {}, 'empty.org'),
    client: byTcp,
    code: rcode.SERVFAIL,
  },
  { why: 'IXFR without a serial', query: specialQuery('IXFR'), client: byTcp, code: rcode.FORMERR },
];

for (const { why, query, client, code } of refusals) {
  test(`no transfer ${why}: rcode ${code}`, async () => {
    const { book, send, counters } = specialSetup();
    book.put(openZone(), smallZone(7));
    book.put({ name: 'closed.org' }, smallZone(7, '', 'closed.org.'));
    book.put(
      { name: 'keyed.org', transfer: ['192.0.2.0/24', 'key:mover'] },
      smallZone(7, '', 'keyed.org.'),
    );
    book.put({ ...openZone({ name: 'empty.org' }), primaries: [] }, null);
    const answers = await send(query, client);
    assert.equal(answers.length, 1);
    assert.equal(rcodeOf(answers), code);
    assert.equal(decoded(answers[0] as Buffer).answer.length, 0);
    assert.equal(counters.out, 0);
  });
}

test('a list that a zone names lets its members have it', async () => {
  const { book, send } = specialSetup();
  book.put(openZone({ transfer: ['@friends', '@nobody'] }), smallZone(7));
  assert.equal(rcodeOf(await send(specialQuery('AXFR'))), rcode.NOERROR);
  const stranger = { ...byTcp, address: '192.0.2.8' };
  assert.equal(rcodeOf(await send(specialQuery('AXFR'), stranger)), rcode.REFUSED);
});

for (const name of ['mover', 'big.mover']) {
  test(`with the key ${name} every message of a transfer is signed`, async () => {
    const { book, send, clock } = specialSetup();
    book.put(openZone({ transfer: [`key:${name}`] }), smallZone(7, many.join('\n')));
    const key = testKeys.named(name);
    assert.ok(key);
    const time = Math.floor(clock.now() / 1000);
    const signed = signMessage(specialQuery('AXFR'), key, { time });
    const stream = new TsigStream(key, signed.mac);
    const answers = await send(signed.bytes);
    assert.ok(answers.length > 1);
    for (const answer of answers) assert.equal(stream.verify(answer, time).kind, 'verified');
  });
}

test('IXFR sends what has changed since the version of the client, in one difference', async () => {
  const { book, send } = specialSetup();
  const v1 = smallZone(1, `a A 192.0.2.2\na A 192.0.2.3\nb TXT "x"\n${many.join('\n')}`);
  book.put(openZone(), v1);
  book.serve(
    'example.org',
    smallZone(2, `a A 192.0.2.2\na A 192.0.2.4\nb TXT "x"\n${many.join('\n')}`),
  );
  book.serve(
    'example.org',
    smallZone(3, `a A 192.0.2.2\na A 192.0.2.4\nb 60 TXT "x"\n${many.join('\n')}`),
  );
  const soa = (serial: number) =>
    `example.org. 300 SOA ns.example.org. hostmaster.example.org. ${serial} 7200 900 1209600 60`;
  assert.deepEqual(linesOf(await send(ixfr(v1))), [
    soa(3),
    soa(1),
    'a.example.org. 300 A 192.0.2.3',
    'b.example.org. 300 TXT "x"',
    soa(3),
    'a.example.org. 300 A 192.0.2.4',
    'b.example.org. 60 TXT "x"',
    soa(3),
  ]);
  assert.deepEqual(linesOf(await send(ixfr(v1, 2))), [
    soa(3),
    soa(2),
    'b.example.org. 300 TXT "x"',
    soa(3),
    'b.example.org. 60 TXT "x"',
    soa(3),
  ]);
  for (const serial of [3, 4]) assert.deepEqual(linesOf(await send(ixfr(v1, serial))), [soa(3)]);
  // A version that nobody knows any more: the whole zone.
  assert.equal(linesOf(await send(ixfr(v1, 0xfffffff0))).length, v1.recordCount + 1);
});

test('IXFR sends the whole zone when the difference is not smaller', async () => {
  const { book, send } = specialSetup();
  const v1 = smallZone(1, 'a A 192.0.2.2\na A 192.0.2.3\na A 192.0.2.4');
  book.put(openZone(), v1);
  book.serve('example.org', smallZone(2, 'b A 192.0.2.2\nb A 192.0.2.3\nb A 192.0.2.4'));
  const lines = linesOf(await send(ixfr(v1)));
  assert.equal(lines.filter((line) => line.includes(' SOA ')).length, 2);
});

test('IXFR by UDP: the difference when it fits, else the SOA alone', async () => {
  const { book, send } = specialSetup();
  const v1 = smallZone(1, many.join('\n'));
  book.put(openZone(), v1);
  book.serve('example.org', smallZone(2, `${many.join('\n')}\nnew A 192.0.2.9`));
  assert.equal(linesOf(await send(ixfr(v1), byUdp)).length, 5);
  book.serve('example.org', smallZone(3, many.slice(200).join('\n')));
  const answers = await send(ixfr(v1), byUdp);
  assert.equal(linesOf(answers).length, 1);
  assert.equal(decoded(answers[0] as Buffer).truncated, false);
});

test('a zone that we sign is transferred with its signatures, also for IXFR', async () => {
  const { book, send, clock } = specialSetup();
  const key = DnssecKey.generate(13, entryPointFlags);
  const keys = singleKey(key, 300);
  const zone = smallZone(1, 'a A 192.0.2.2');
  const signer = new ZoneSigner(zone.apex, keys, { denial: 'nsec' }, clock);
  book.put(openZone(), zone, { signer });
  book.serve('example.org', smallZone(2, 'a A 192.0.2.3'));
  for (const query of [specialQuery('AXFR'), ixfr(zone)]) {
    const lines = linesOf(await send(query));
    assert.equal(lines.filter((line) => line.includes(' RRSIG A ')).length, 2);
    assert.equal(lines.filter((line) => line.includes(' NSEC ')).length, 6);
    assert.equal(lines.filter((line) => line.includes(' DNSKEY ')).length, 2);
    assert.equal(lines[0], lines.at(-1));
  }
  const answers = await send(ixfr(zone), byUdp);
  assert.deepEqual(
    decoded(answers[0] as Buffer).answer.map(({ type }) => type),
    [recordType.SOA],
  );
});
