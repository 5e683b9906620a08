import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { Answerer, streamed, ZoneSet } from '../ts/dns/answer/index.ts';
import { extendedErrors, findOption } from '../ts/dns/codec/edns.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { emptyMessage, type IMessage } from '../ts/dns/codec/message.ts';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { makeTsigKey, signMessage } from '../ts/dns/codec/tsig.ts';
import { rcode, rcodeName, recordType, recordTypeName } from '../ts/dns/codec/types.ts';
import { decoded, plainEdns, queryFor, zoneOf } from './dns/query.ts';

const zone = zoneOf(`$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ MX 10 mail
ns1 A 192.0.2.1
mail A 192.0.2.2
mail AAAA 2001:db8::2
www CNAME mail
to-other CNAME www.other.test.
to-child CNAME a.child.example.org.
old DNAME new
*.wild TXT "any"
cut NS ns.cut
cut NS ns.elsewhere.test.
cut NS mail
ns.cut A 192.0.2.9
${Array.from({ length: 60 }, (_, index) => `many A 192.0.2.${index}`).join('\n')}
${Array.from({ length: 30 }, (_, index) => `big NS ns${index}.glue.of.big`).join('\n')}
${Array.from({ length: 30 }, (_, index) => `ns${index}.glue.of.big A 192.0.2.${index}`).join('\n')}
`);
const child = zoneOf(
  '@ 300 SOA ns h 7 1 1 1 30\n@ 300 NS ns\nns 300 A 192.0.2.3\n',
  'child.example.org.',
);

const udp = { address: '192.0.2.77', transport: 'udp' } as const;
const tcp = { address: '192.0.2.77', transport: 'tcp' } as const;

function setup(options: ConstructorParameters<typeof Answerer>[1] = {}) {
  const zones = new ZoneSet();
  zones.set(zone);
  zones.set(child);
  const answerer = new Answerer(zones, options);
  const out = Buffer.alloc(65_535);
  const raw = (query: Buffer, client: typeof udp | typeof tcp = udp): Buffer =>
    Buffer.from(out.subarray(0, Math.max(0, answerer.answer(query, client, out))));
  const ask = (name: string, type: string, more: Partial<IMessage> = {}) =>
    decoded(raw(queryFor(name, type, more)));
  return { zones, answerer, raw, ask };
}

function texts({ answer }: IMessage): string[] {
  return answer.map(({ name, type }) => `${formatName(name)} ${recordTypeName(type)}`);
}

test('a change of the zone is seen by the next question, kept answers or not', () => {
  const { zones, ask } = setup();
  assert.equal(ask('mail.example.org', 'A').answer.length, 1);
  assert.equal(ask('mail.example.org', 'A').answer[0]?.rdata[3], 2);
  const change = { type: recordType.A, ttl: 5, rdatas: [Buffer.of(192, 0, 2, 200)] };
  zones.set(zone.replace([{ name: parseName('mail.example.org'), ...change }]));
  assert.equal(ask('mail.example.org', 'A').answer[0]?.rdata[3], 200);
  assert.equal(zones.delete(parseName('EXAMPLE.org.')), true);
  assert.equal(ask('mail.example.org', 'A').rcode, rcode.REFUSED);
});

test('a zone that comes takes its names from the one above it', () => {
  const { zones, ask } = setup();
  assert.equal(ask('x.mail.example.org', 'A').rcode, rcode.NXDOMAIN);
  zones.set(
    zoneOf(
      '@ 1 SOA a b 1 1 1 1 1\n@ 1 NS ns1.example.org.\nx 1 A 192.0.2.5\n',
      'mail.example.org.',
    ),
  );
  assert.equal(ask('x.mail.example.org', 'A').answer.length, 1);
});

test('aliases are followed through all zones, and are seen to change there', () => {
  const { zones, ask } = setup();
  const before = ask('to-child.example.org', 'A');
  assert.equal(before.rcode, rcode.NXDOMAIN);
  assert.equal(formatName(before.authority[0]?.name as Buffer), 'child.example.org.');
  assert.equal(before.authority[0]?.ttl, 30);
  const change = { type: recordType.A, ttl: 5, rdatas: [Buffer.of(192, 0, 2, 200)] };
  zones.set(child.replace([{ name: parseName('a.child.example.org'), ...change }]));
  assert.deepEqual(texts(ask('to-child.example.org', 'A')), [
    'to-child.example.org. CNAME',
    'a.child.example.org. A',
  ]);
  assert.deepEqual(texts(ask('to-other.example.org', 'A')), ['to-other.example.org. CNAME']);
});

test('DS of a child that is here too comes from the parent', () => {
  const { ask } = setup();
  const answer = ask('child.example.org', 'DS');
  assert.equal(formatName(answer.authority[0]?.name as Buffer), 'example.org.');
});

test('DS of an alias of such a child comes from the parent too', () => {
  const { zones, ask } = setup();
  const more = '$TTL 300\n@ SOA ns h 1 1 1 1 60\n@ NS ns.test.\nto-child CNAME child\n';
  const ds = `child NS ns.test.\nchild DS 1 13 2 ${'ab'.repeat(32)}\n`;
  zones.set(zoneOf(more + ds));
  assert.deepEqual(texts(ask('to-child.example.org', 'DS')), [
    'to-child.example.org. CNAME',
    'child.example.org. DS',
  ]);
});

test('an absent zone is answered SERVFAIL with its reason', () => {
  const { zones, ask } = setup();
  ask('mail.example.org', 'A');
  zones.setAbsent(zone.apex, 'expired');
  const answer = ask('mail.example.org', 'A', { edns: plainEdns });
  assert.equal(answer.rcode, rcode.SERVFAIL);
  assert.equal(extendedErrors(answer.edns)[0]?.code, 24);
  assert.equal(answer.authoritative, false);
});

test('records beyond the question: addresses of MX, none when answers are minimal', () => {
  assert.equal(setup().ask('example.org', 'MX').additional.length, 2);
  assert.equal(setup({ minimalResponses: true }).ask('example.org', 'MX').additional.length, 0);
  assert.equal(setup({ minimalResponses: true }).ask('example.org', 'NS').additional.length, 1);
});

test('addresses come with NS, MX, SRV, SVCB and HTTPS, not with other types, nor with ANY', () => {
  const { zones, ask } = setup();
  const types = [
    'MX 1',
    'SRV 1 1 1',
    'SVCB 1',
    'HTTPS 1',
    'KX 1',
    'AFSDB 1',
    'NAPTR 1 1 "a" "" ""',
  ];
  const lines = types.map((type) => `${type.replace(/ .*/, '')} ${type} mail\n`).join('');
  const head = '$TTL 300\n@ SOA ns h 1 1 1 1 60\n@ NS mail\nmail A 192.0.2.1\n';
  zones.set(zoneOf(head + lines));
  const counts = types.map((text) => {
    const type = text.replace(/ .*/, '');
    const [own, all] = [type, 'ANY'].map((asked) => ask(`${type}.example.org`, asked));
    assert.equal(all?.additional.length, 0);
    return own?.additional.length;
  });
  assert.deepEqual(counts, [1, 1, 1, 1, 0, 0, 0]);
  assert.equal(ask('example.org', 'NS').additional.length, 1);
});

test('a referral that cannot hold the glue that is needed is truncated', () => {
  const { ask, raw } = setup();
  const answer = ask('www.big.example.org', 'A');
  assert.equal(answer.truncated, true);
  const all = decoded(raw(queryFor('www.big.example.org', 'A'), tcp));
  assert.deepEqual([all.truncated, all.additional.length], [false, 30]);
  const small = ask('www.cut.example.org', 'A');
  assert.deepEqual(
    [small.truncated, small.authoritative, small.additional.length],
    [false, false, 3],
  );
  assert.equal(formatName(small.additional[0]?.name as Buffer), 'ns.cut.example.org.');
});

const sizes = [
  { size: undefined, most: 512 },
  { size: 0, most: 512 },
  { size: 700, most: 700 },
  { size: 65_535, most: 1232 },
];
for (const { size, most } of sizes) {
  test(`an answer to a client that takes ${size} bytes has at most ${most}`, () => {
    const { raw } = setup();
    const edns = size === undefined ? null : { ...plainEdns, udpSize: size };
    for (const name of ['many', 'www.big', 'mail']) {
      for (const round of [1, 2]) {
        const bytes = raw(queryFor(`${name}.example.org`, 'A', { edns }));
        assert.ok(bytes.length <= most, `${name} ${round}`);
        assert.equal(decoded(bytes).edns === null, edns === null);
      }
    }
    const answer = decoded(raw(queryFor('many.example.org', 'A', { edns })));
    // 60 addresses take 960 bytes.
    assert.equal(answer.truncated, most < 960);
    assert.equal(answer.answer.length, most < 960 ? 0 : 60, 'whole sets only');
  });
}

test('ANY gives one rrset by UDP, all by TCP', () => {
  const { raw } = setup();
  assert.deepEqual(texts(decoded(raw(queryFor('mail.example.org', 'ANY')))), [
    'mail.example.org. A',
  ]);
  assert.equal(decoded(raw(queryFor('mail.example.org', 'ANY'), tcp)).answer.length, 2);
  assert.equal(decoded(raw(queryFor('mail.example.org', 'ANY'))).answer.length, 1);
});

test('RD and DO are repeated; AD, CD, Z and unknown flags are not', () => {
  const { raw } = setup();
  for (const options of [[], [{ code: 65_001, data: Buffer.from('x') }]]) {
    const query = queryFor('mail.example.org', 'A', {
      recursionDesired: true,
      checkingDisabled: true,
      authenticatedData: true,
      edns: { ...plainEdns, do: true, options },
    });
    query[3] = (query[3] as number) | 0x40;
    const bytes = raw(query);
    assert.equal(bytes.readUInt16BE(2), 0x8500);
    const { edns } = decoded(bytes);
    assert.deepEqual(edns, { udpSize: 1232, version: 0, do: true, options: [] });
  }
});

test('EDNS of another version: BADVERS, without an answer', () => {
  const { ask } = setup();
  for (const version of [1, 255]) {
    const answer = ask('mail.example.org', 'A', { edns: { ...plainEdns, version } });
    assert.deepEqual([answer.rcode, answer.edns?.version, answer.answer.length], [16, 0, 0]);
  }
});

const asked = [
  { name: 'x.elsewhere.test', type: 'A', code: 'REFUSED' },
  { name: '.', type: 'NS', code: 'REFUSED' },
  { name: 'example.org', type: 'AXFR', code: 'FORMERR' },
  { name: 'example.org', type: 'IXFR', code: 'REFUSED' },
  { name: 'example.org', type: 'MAILB', code: 'NOTIMP' },
  { name: 'example.org', type: 'OPT', code: 'FORMERR' },
  { name: 'example.org', type: 'TSIG', code: 'FORMERR' },
  { name: 'example.org', type: 'NXNAME', code: 'FORMERR' },
  { name: 'example.org', type: 'TYPE65280', code: 'NOERROR' },
];
for (const { name, type, code } of asked) {
  test(`${type} of ${name}: ${code}`, () => {
    for (const edns of [null, plainEdns]) {
      assert.equal(rcodeName(setup().ask(name, type, { edns }).rcode), code);
    }
  });
}

test('other classes are refused', () => {
  const { raw } = setup();
  const question = [{ name: parseName('version.bind'), type: recordType.TXT, class: 3 }];
  assert.equal(decoded(raw(encodeMessage({ ...emptyMessage, question }))).rcode, rcode.REFUSED);
});

test('other opcodes: NOTIMP or REFUSED, with the opcode and without sections', () => {
  const { raw } = setup();
  const codes = Array.from({ length: 15 }, (_, before) => {
    const opcode = before + 1;
    const answer = decoded(raw(queryFor('example.org', 'SOA', { opcode, recursionDesired: true })));
    assert.deepEqual([answer.opcode, answer.response, answer.answer.length], [opcode, true, 0]);
    return rcodeName(answer.rcode);
  });
  const others = new Array(15).fill('NOTIMP');
  others[4] = 'REFUSED';
  assert.deepEqual(codes, others);
});

test('cookies: a new one for a client without, the same one for a client with it', () => {
  const clock = new ManualClock();
  const { answerer, ask } = setup({ clock });
  const cookie = (data: Buffer) => ({ edns: { ...plainEdns, options: [{ code: 10, data }] } });
  const client = Buffer.from('12345678');
  const first = ask('mail.example.org', 'A', cookie(client));
  assert.equal(answerer.reply.isProven, false);
  const given = findOption(first.edns, 10) as Buffer;
  assert.deepEqual([given.length, first.answer.length], [24, 1]);
  const second = ask('mail.example.org', 'A', cookie(Buffer.from(given)));
  assert.equal(answerer.reply.isProven, true);
  assert.deepEqual(findOption(second.edns, 10), given);
  clock.advance(4_000_000);
  const third = ask('mail.example.org', 'A', cookie(Buffer.from(given)));
  assert.equal(answerer.reply.isProven, false);
  assert.notDeepEqual(findOption(third.edns, 10), given);
  assert.equal(ask('mail.example.org', 'A', cookie(Buffer.alloc(9))).rcode, rcode.FORMERR);
  const alone = ask('mail.example.org', 'A', { ...cookie(client), question: [] });
  assert.deepEqual([alone.rcode, findOption(alone.edns, 10)?.length], [0, 24]);
  assert.equal(ask('mail.example.org', 'A', { question: [] }).rcode, rcode.FORMERR);
});

test('NSID is told to whoever asks, keepalive by TCP only', () => {
  const { raw } = setup({ nsid: Buffer.from('ns-7'), idleTimeoutMs: 10_000 });
  const options = [
    { code: 3, data: Buffer.alloc(0) },
    { code: 11, data: Buffer.alloc(0) },
  ];
  const query = queryFor('mail.example.org', 'A', { edns: { ...plainEdns, options } });
  assert.equal(String(findOption(decoded(raw(query)).edns, 3)), 'ns-7');
  assert.equal(findOption(decoded(raw(query)).edns, 11), undefined);
  assert.deepEqual(findOption(decoded(raw(query, tcp)).edns, 11), Buffer.of(0, 100));
});

test('who signs with a key that nobody knows hears BADKEY', () => {
  const { raw } = setup();
  const key = makeTsigKey('k.', 'hmac-sha256', Buffer.alloc(32).toString('base64'));
  const { bytes } = signMessage(queryFor('mail.example.org', 'A'), key, { time: 1_800_000_000 });
  const answer = decoded(raw(bytes));
  assert.deepEqual([answer.rcode, answer.answer.length], [rcode.NOTAUTH, 0]);
  assert.notEqual(answer.tsig, null);
});

test('transfers and what is signed go to whoever takes them', async () => {
  const seen: IMessage[] = [];
  const special = {
    takes: (query: IMessage) => query.opcode === 4,
    async *answer(query: IMessage) {
      seen.push(query);
      yield Buffer.from('first');
    },
  };
  const { answerer } = setup({ special });
  const query = queryFor('example.org', 'SOA', { opcode: 4 });
  assert.equal(answerer.answer(query, udp, Buffer.alloc(4096)), streamed);
  for await (const bytes of answerer.stream(query, udp)) assert.equal(String(bytes), 'first');
  assert.equal(seen.length, 1);
});
