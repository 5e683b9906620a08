import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { emptyMessage, type IRecord } from '../ts/dns/codec/message.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { type ITsigKey, signMessage, verifyMessage } from '../ts/dns/codec/tsig.ts';
import { opcode, rcode, recordClass, recordTypeOf } from '../ts/dns/codec/types.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import type { IUpdateRule } from '../ts_interfaces/index.ts';
import { decoded } from './dns/query.ts';
import { byTcp, lineOf, recordOf, smallZone, specialSetup, testKeys } from './dns/special.ts';

const content = `www A 192.0.2.5
www A 192.0.2.6
alias CNAME www
a.deep TXT "x"
@ MX 10 mail
@ NS ns2
ns2 A 192.0.2.1
mail A 192.0.2.1`;
const mover = testKeys.named('mover') as ITsigKey;

/** Bare records: `none www A` has class NONE and no data. */
function bare(text: string): IRecord {
  const [kind, name = '', type = ''] = text.split(' ');
  const classNumber = kind === 'none' ? recordClass.NONE : recordClass.ANY;
  const full = parseName(name, parseName('example.org.'));
  return {
    name: full,
    type: recordTypeOf(type) as number,
    class: classNumber,
    ttl: 0,
    rdata: Buffer.alloc(0),
  };
}

function less(line: string): IRecord {
  return { ...recordOf(line, recordClass.NONE), ttl: 0 };
}

interface IUpdate {
  readonly prerequisites?: readonly IRecord[];
  readonly updates?: readonly IRecord[];
  readonly zone?: string;
  readonly type?: string;
  readonly class?: number;
}

function updateMessage({ zone = 'example.org', type = 'SOA', ...parts }: IUpdate): Buffer {
  const question = [
    {
      name: parseName(zone),
      type: recordTypeOf(type) as number,
      class: parts.class ?? recordClass.IN,
    },
  ];
  return encodeMessage({
    ...emptyMessage,
    id: 99,
    opcode: opcode.UPDATE,
    question,
    answer: parts.prerequisites ?? [],
    authority: parts.updates ?? [],
  });
}

function setup(rules: readonly IUpdateRule[] = [{ from: ['192.0.2.7'], types: undefined }]) {
  const made = specialSetup();
  made.book.put({ name: 'example.org', update: [...rules] }, smallZone(7, content));
  const update = async (parts: IUpdate, key: ITsigKey | null = null): Promise<number> => {
    const bytes = updateMessage(parts);
    const time = Math.floor(made.clock.now() / 1000);
    const signed = key === null ? null : signMessage(bytes, key, { time });
    const [answer, ...others] = await made.send(signed?.bytes ?? bytes);
    assert.ok(answer);
    assert.equal(others.length, 0);
    const message = decoded(answer);
    assert.equal(message.opcode, opcode.UPDATE);
    if (key !== null && signed !== null) {
      const verified = verifyMessage(answer, { keyOf: () => key, time, priorMac: signed.mac });
      assert.equal(verified.kind, 'verified');
    }
    return message.rcode;
  };
  const zone = (): Zone => made.book.get('example.org')?.source as Zone;
  const lines = (): string[] =>
    [...zone().rrsets()].flatMap(({ name, type, ttl, rdatas, class: classNumber }) =>
      rdatas.map((rdata) => lineOf({ name, type, ttl, class: classNumber, rdata })),
    );
  return { ...made, update, zone, lines };
}

const all: IUpdateRule = {
  from: ['192.0.2.7'],
  types: ['A', 'AAAA', 'TXT', 'CNAME', 'NS', 'SOA', 'MX', 'DNAME'],
};

const add = [recordOf('new.example.org. 60 A 192.0.2.9')];
const prerequisites = [
  { what: 'rrset exists', records: [bare('any www A')], code: rcode.NOERROR },
  { what: 'rrset exists', records: [bare('any www AAAA')], code: rcode.NXRRSET },
  {
    what: 'rrset exists with data',
    records: [
      recordOf('WWW.example.org. 0 A 192.0.2.6'),
      recordOf('www.example.org. 0 A 192.0.2.5'),
    ],
    code: rcode.NOERROR,
  },
  {
    what: 'rrset exists with data, one missing',
    records: [recordOf('www.example.org. 0 A 192.0.2.6')],
    code: rcode.NXRRSET,
  },
  {
    what: 'rrset exists with data, one more',
    records: ['5', '6', '7'].map((last) => recordOf(`www.example.org. 0 A 192.0.2.${last}`)),
    code: rcode.NXRRSET,
  },
  {
    what: 'rrset exists with names in another case',
    records: [recordOf('alias.example.org. 0 CNAME WWW.example.ORG.')],
    code: rcode.NOERROR,
  },
  { what: 'rrset does not exist', records: [bare('none www AAAA')], code: rcode.NOERROR },
  { what: 'rrset does not exist', records: [bare('none www A')], code: rcode.YXRRSET },
  { what: 'name is in use', records: [bare('any alias ANY')], code: rcode.NOERROR },
  {
    what: 'name is in use: an empty non-terminal is not',
    records: [bare('any deep ANY')],
    code: rcode.NXDOMAIN,
  },
  { what: 'name is not in use', records: [bare('none deep ANY')], code: rcode.NOERROR },
  { what: 'name is not in use', records: [bare('none www ANY')], code: rcode.YXDOMAIN },
  {
    what: 'outside of the zone',
    records: [recordOf('www.example.com. 0 A 192.0.2.6')],
    code: rcode.NOTZONE,
  },
  { what: 'with a TTL', records: [{ ...bare('any www A'), ttl: 1 }], code: rcode.FORMERR },
  {
    what: 'with data where none may be',
    records: [{ ...bare('any www A'), rdata: Buffer.from([1, 2, 3, 4]) }],
    code: rcode.FORMERR,
  },
  {
    what: 'of another class',
    records: [{ ...bare('any www A'), class: 3, rdata: Buffer.alloc(0) }],
    code: rcode.FORMERR,
  },
  { what: 'of a type of questions', records: [bare('any www AXFR')], code: rcode.FORMERR },
  {
    what: 'the first that is not so counts',
    records: [bare('none www ANY'), bare('any www AAAA')],
    code: rcode.YXDOMAIN,
  },
];

for (const { what, records, code } of prerequisites) {
  test(`prerequisite "${what}" gives rcode ${code}`, async () => {
    const { update, zone } = setup();
    assert.equal(await update({ prerequisites: records, updates: add }), code);
    assert.equal(zone().serial, code === rcode.NOERROR ? 8 : 7);
  });
}

const updates = [
  {
    what: 'adds a record to a set, whose TTL becomes its own',
    updates: [recordOf('www.example.org. 60 A 192.0.2.7')],
    gone: ['www.example.org. 300 A 192.0.2.5', 'www.example.org. 300 A 192.0.2.6'],
    come: ['5', '6', '7'].map((last) => `www.example.org. 60 A 192.0.2.${last}`),
  },
  {
    what: 'removes one record',
    updates: [less('www.example.org. 0 A 192.0.2.5')],
    gone: ['www.example.org. 300 A 192.0.2.5'],
    come: [],
  },
  {
    what: 'removes a set',
    updates: [bare('any www A')],
    gone: ['www.example.org. 300 A 192.0.2.5', 'www.example.org. 300 A 192.0.2.6'],
    come: [],
  },
  {
    what: 'removes a name',
    updates: [bare('any alias ANY')],
    gone: ['alias.example.org. 300 CNAME www.example.org.'],
    come: [],
  },
  {
    what: 'removes all of the apex but SOA and NS',
    updates: [bare('any example.org. ANY')],
    gone: ['example.org. 300 MX 10 mail.example.org.'],
    come: [],
  },
  {
    what: 'puts another CNAME in place',
    updates: [recordOf('alias.example.org. 300 CNAME ns.example.org.')],
    gone: ['alias.example.org. 300 CNAME www.example.org.'],
    come: ['alias.example.org. 300 CNAME ns.example.org.'],
  },
  {
    what: 'ignores data beside a CNAME',
    updates: [recordOf('alias.example.org. 300 A 192.0.2.1')],
    gone: [],
    come: [],
  },
  {
    what: 'ignores a CNAME beside data',
    updates: [recordOf('www.example.org. 300 CNAME ns.example.org.')],
    gone: [],
    come: [],
  },
  {
    what: 'makes a CNAME of data in one update',
    updates: [bare('any www A'), recordOf('www.example.org. 300 CNAME ns.example.org.')],
    gone: ['www.example.org. 300 A 192.0.2.5', 'www.example.org. 300 A 192.0.2.6'],
    come: ['www.example.org. 300 CNAME ns.example.org.'],
  },
  {
    what: 'ignores the removal of what is not there',
    updates: [less('www.example.org. 0 A 192.0.2.99'), bare('any nothing ANY')],
    gone: [],
    come: [],
  },
  {
    what: 'ignores the removal of the SOA and of all NS of the apex',
    updates: [bare('any example.org. SOA'), bare('any example.org. NS')],
    gone: [],
    come: [],
  },
  {
    what: 'keeps the last NS of the apex',
    updates: [
      less('example.org. 0 NS ns2.example.org.'),
      less('example.org. 0 NS ns.example.org.'),
    ],
    gone: ['example.org. 300 NS ns2.example.org.'],
    come: [],
  },
  {
    what: 'ignores a SOA below the apex',
    updates: [recordOf('www.example.org. 300 SOA a. b. 9 1 1 1 1')],
    gone: [],
    come: [],
  },
  {
    what: 'ignores a SOA with an older serial',
    updates: [recordOf('example.org. 300 SOA a. b. 6 1 1 1 1')],
    gone: [],
    come: [],
  },
  {
    what: 'ends with nothing changed when it takes back what it did',
    updates: [recordOf('new.example.org. 60 A 192.0.2.9'), bare('any new A')],
    gone: [],
    come: [],
  },
];

for (const { what, updates: records, gone, come } of updates) {
  test(`an update ${what}`, async () => {
    const { update, lines, zone } = setup([all]);
    const before = lines().filter((line) => !line.includes(' SOA '));
    assert.equal(await update({ updates: records }), rcode.NOERROR);
    const after = lines().filter((line) => !line.includes(' SOA '));
    assert.deepEqual(before.filter((line) => !after.includes(line)).sort(), gone);
    assert.deepEqual(after.filter((line) => !before.includes(line)).sort(), come);
    assert.equal(zone().serial, gone.length + come.length > 0 ? 8 : 7);
  });
}

test('a SOA with a newer serial takes the place of the old one', async () => {
  const { update, zone } = setup([all]);
  assert.equal(
    await update({ updates: [recordOf('example.org. 60 SOA a. b. 20 1 2 3 4')] }),
    rcode.NOERROR,
  );
  assert.equal(zone().serial, 20);
  assert.equal(zone().soa().ttl, 60);
});

const malformed = [
  { why: 'another type than SOA in the zone section', update: { type: 'A' }, code: rcode.FORMERR },
  { why: 'a zone that is not ours', update: { zone: 'example.com' }, code: rcode.NOTAUTH },
  {
    why: 'a name within a zone as the zone',
    update: { zone: 'www.example.org' },
    code: rcode.NOTAUTH,
  },
  { why: 'another class', update: { class: 3 }, code: rcode.NOTAUTH },
  {
    why: 'a record outside of the zone',
    update: { updates: [recordOf('www.example.com. 60 A 192.0.2.1')] },
    code: rcode.NOTZONE,
  },
  {
    why: 'a type of questions',
    update: { updates: [{ ...bare('any www AXFR') }] },
    code: rcode.FORMERR,
  },
  {
    why: 'a removal with a TTL',
    update: { updates: [{ ...bare('any www A'), ttl: 5 }] },
    code: rcode.FORMERR,
  },
  {
    why: 'the removal of a record without its data',
    update: { updates: [bare('none www A')] },
    code: rcode.FORMERR,
  },
  {
    why: 'the removal of a record of type ANY',
    update: { updates: [bare('none www ANY')] },
    code: rcode.FORMERR,
  },
  {
    why: 'a record of another class',
    update: { updates: [{ ...recordOf('x.example.org. 1 TXT x'), class: 4 }] },
    code: rcode.FORMERR,
  },
];

for (const { why, update: parts, code } of malformed) {
  test(`an update with ${why} does nothing and gives rcode ${code}`, async () => {
    const { update, zone, counters } = setup();
    const updates = [...add, ...('updates' in parts ? (parts.updates as IRecord[]) : [])];
    assert.equal(await update({ ...parts, updates }), code);
    assert.equal(zone().serial, 7);
    assert.equal(counters.updatesRefused, 1);
  });
}

test('a secondary takes no updates', async () => {
  const { update, book } = setup();
  book.put(
    { name: 'second.org', primaries: [{ address: '192.0.2.1' }], update: [all] },
    smallZone(1, '', 'second.org.'),
  );
  assert.equal(await update({ zone: 'second.org' }), rcode.NOTAUTH);
});

test('an error of the zone or the store is told as such', async () => {
  const { update, book, zone } = setup();
  for (const [error, code] of [
    [new DcError('ZONE_INVALID', 'x'), rcode.REFUSED],
    [new DcError('STORE_FAILED', 'x'), rcode.SERVFAIL],
    [new DcError('ZONE_UNKNOWN', 'x'), rcode.NOTAUTH],
    [new TypeError('x'), rcode.SERVFAIL],
  ] as const) {
    book.failure = error;
    assert.equal(await update({ updates: add }), code);
  }
  assert.equal(zone().serial, 7);
});

test('a change is announced once it is made, and not when there is none', async () => {
  const { update, bus, counters } = setup();
  const heard: unknown[] = [];
  bus.on('dns.updated', (event) => heard.push(event));
  await update({ updates: add });
  await update({ updates: add });
  assert.deepEqual(heard, [
    { zone: 'example.org', serial: 8, recordSets: 1, clientIp: '192.0.2.7', keyName: null },
  ]);
  assert.equal(counters.updatesApplied, 2);
});

const rules: IUpdateRule[] = [
  { key: 'mover', names: ['host', '*.dyn', '@'], types: ['A', 'AAAA'] },
  { key: 'mover', names: ['_acme-challenge.*', '_x.y.*.in'], types: ['TXT'] },
  { key: 'big.mover', from: ['192.0.2.0/24'] },
];
const big = testKeys.named('big.mover') as ITsigKey;
const policies = [
  { who: 'nobody', key: null, update: 'host.example.org. 1 A 192.0.2.1', code: rcode.REFUSED },
  { who: 'mover', key: mover, update: 'host.example.org. 1 A 192.0.2.1', code: rcode.NOERROR },
  { who: 'mover', key: mover, update: 'HOST.example.org. 1 A 192.0.2.1', code: rcode.NOERROR },
  { who: 'mover', key: mover, update: 'example.org. 1 AAAA 2001:db8::1', code: rcode.NOERROR },
  { who: 'mover', key: mover, update: 'host.example.org. 1 TXT x', code: rcode.REFUSED },
  { who: 'mover', key: mover, update: 'www.example.org. 1 A 192.0.2.1', code: rcode.REFUSED },
  { who: 'mover', key: mover, update: 'a.b.dyn.example.org. 1 A 192.0.2.1', code: rcode.NOERROR },
  { who: 'mover', key: mover, update: 'dyn.example.org. 1 A 192.0.2.1', code: rcode.REFUSED },
  { who: 'mover', key: mover, update: 'xdyn.example.org. 1 A 192.0.2.1', code: rcode.REFUSED },
  {
    who: 'mover',
    key: mover,
    update: '_ACME-challenge.a.example.org. 1 TXT x',
    code: rcode.NOERROR,
  },
  {
    who: 'mover',
    key: mover,
    update: '_acme-challenge.a.b.example.org. 1 TXT x',
    code: rcode.NOERROR,
  },
  { who: 'mover', key: mover, update: '_acme-challenge.example.org. 1 TXT x', code: rcode.REFUSED },
  {
    who: 'mover',
    key: mover,
    update: 'x_acme-challenge.a.example.org. 1 TXT x',
    code: rcode.REFUSED,
  },
  {
    who: 'mover',
    key: mover,
    update: '_acme-challenge.a.example.org. 1 A 192.0.2.1',
    code: rcode.REFUSED,
  },
  { who: 'mover', key: mover, update: '_x.y.a.in.example.org. 1 TXT x', code: rcode.NOERROR },
  { who: 'mover', key: mover, update: '_x.y.in.example.org. 1 TXT x', code: rcode.REFUSED },
  { who: 'big.mover', key: big, update: 'www.example.org. 1 TXT x', code: rcode.NOERROR },
  {
    who: 'big.mover',
    key: big,
    update: 'sub.example.org. 1 NS ns.example.org.',
    code: rcode.NOERROR,
  },
  { who: 'big.mover', key: big, update: 'example.org. 1 NS ns.example.org.', code: rcode.REFUSED },
  { who: 'big.mover', key: big, update: 'example.org. 1 SOA a. b. 9 1 1 1 1', code: rcode.REFUSED },
];

for (const { who, key, update: line, code } of policies) {
  test(`a rule lets ${who} change "${line}": rcode ${code}`, async () => {
    const { update } = setup(rules);
    assert.equal(await update({ updates: [recordOf(line)] }, key), code);
  });
}

test('one record that may not be changed refuses the whole update', async () => {
  const { update, zone } = setup(rules);
  const updates = [recordOf('host.example.org. 1 A 192.0.2.1'), bare('any www A')];
  assert.equal(await update({ updates }, mover), rcode.REFUSED);
  assert.equal(zone().serial, 7);
});

test('to remove a name takes the right to change all its types', async () => {
  const { update, lines } = setup(rules);
  assert.equal(
    await update({ updates: [recordOf('host.example.org. 1 TXT x')] }, big),
    rcode.NOERROR,
  );
  assert.equal(
    await update({ updates: [recordOf('host.example.org. 1 A 192.0.2.1')] }, mover),
    rcode.NOERROR,
  );
  assert.equal(await update({ updates: [bare('any host ANY')] }, mover), rcode.REFUSED);
  assert.equal(await update({ updates: [bare('any nothing ANY')] }, mover), rcode.REFUSED);
  assert.equal(await update({ updates: [bare('any host A')] }, mover), rcode.NOERROR);
  assert.equal(await update({ updates: [bare('any host ANY')] }, big), rcode.NOERROR);
  assert.equal(
    lines().some((line) => line.startsWith('host.')),
    false,
  );
});

test('who may change nothing learns nothing from prerequisites', async () => {
  const { update } = setup(rules);
  const prerequisites = [bare('none www ANY')];
  assert.equal(await update({ prerequisites, updates: add }), rcode.REFUSED);
});

test('a rule with a key and addresses wants both', async () => {
  const { send, clock } = setup(rules);
  const time = Math.floor(clock.now() / 1000);
  const message = updateMessage({ updates: [recordOf('www.example.org. 1 TXT x')] });
  const { bytes } = signMessage(message, big, { time });
  const [answer] = await send(bytes, { ...byTcp, address: '198.51.100.1' });
  assert.equal(decoded(answer as Buffer).rcode, rcode.REFUSED);
});
