import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IRecord } from '../ts/dns/codec/message.ts';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { recordType, recordTypeOf } from '../ts/dns/codec/types.ts';
import {
  DnssecKey,
  type IResponse,
  signRrset,
  type TDenialMode,
  trustAnchorsOf,
  Validator,
} from '../ts/dns/dnssec/index.ts';
import { recordOf } from './dns/dnssec/records.ts';
import { flat, unsigned, World } from './dns/dnssec/world.ts';

const exampleText = `
  www.example. IN A 192.0.2.1
  alias.example. IN CNAME www.example.
  far.example. IN CNAME host.plain.
  *.wild.example. IN TXT "expanded"
  a.deep.empty.example. IN A 192.0.2.2
  dn.example. IN DNAME target.example.
  host.target.example. IN A 192.0.2.3
  sub.example. IN NS ns.sub.example.
  bare.example. IN NS ns.bare.example.
`;

function world(denial: TDenialMode = 'nsec', algorithm = 13): World {
  return new World([
    {
      origin: '.',
      text: `example. IN NS ns.example.
        plain. IN NS ns.plain.
        odd. IN NS ns.odd.
        odd. IN DS 1 5 2 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
        sha1. IN NS ns.sha1.
        sha1. IN DS 1 13 1 da39a3ee5e6b4b0d3255bfef95601890afd80709`,
      options: { denial },
    },
    { origin: 'example.', text: exampleText, options: { denial }, algorithm },
    { origin: 'sub.example.', text: 'x.y.sub.example. IN A 192.0.2.4', options: { denial } },
    { origin: 'bare.example.', text: 'www.bare.example. IN A 192.0.2.5', signed: false },
    { origin: 'plain.', text: 'host.plain. IN A 192.0.2.6', signed: false },
    { origin: 'odd.', text: 'host.odd. IN A 192.0.2.7', signed: false },
    { origin: 'sha1.', text: 'host.sha1. IN A 192.0.2.7', signed: false },
  ]);
}

const questions = [
  ['www.example.', 'A', 'secure', 'an answer'],
  ['WWW.Example.', 'A', 'secure', 'an answer in another case'],
  ['example.', 'DNSKEY', 'secure', 'the keys of a zone'],
  ['example.', 'DS', 'secure', 'the DS of a zone'],
  ['.', 'DNSKEY', 'secure', 'the keys of the anchor'],
  ['www.example.', 'AAAA', 'secure', 'no data'],
  ['deep.empty.example.', 'A', 'secure', 'no data at an empty non-terminal'],
  ['nothing.example.', 'A', 'secure', 'no such name'],
  ['a.b.c.nothing.example.', 'A', 'secure', 'no such name, deeper'],
  ['zz.', 'A', 'secure', 'no such top level'],
  ['any.wild.example.', 'TXT', 'secure', 'an expanded wildcard'],
  ['a.b.wild.example.', 'TXT', 'secure', 'an expanded wildcard, deeper'],
  ['any.wild.example.', 'A', 'secure', 'no data at a wildcard'],
  ['alias.example.', 'CNAME', 'secure', 'an alias that was asked for'],
  ['alias.example.', 'A', 'secure', 'an alias without its target'],
  ['host.dn.example.', 'A', 'secure', 'a redirection'],
  ['www.example.', 'DS', 'secure', 'no DS where no zone begins'],
  ['x.y.sub.example.', 'A', 'secure', 'an answer two zones down'],
  ['nothing.y.sub.example.', 'A', 'secure', 'no such name two zones down'],
  ['bare.example.', 'DS', 'secure', 'the proof that a zone is not signed'],
  ['www.bare.example.', 'A', 'insecure', 'an answer of a zone that is not signed'],
  ['nothing.bare.example.', 'A', 'insecure', 'no such name in a zone that is not signed'],
  ['host.plain.', 'A', 'insecure', 'an answer of a top level that is not signed'],
  ['host.odd.', 'A', 'insecure', 'a zone with an unknown algorithm'],
  ['host.sha1.', 'A', 'insecure', 'a zone with a SHA-1 digest only (RFC 9905)'],
] as const;

for (const denial of ['nsec', 'nsec3', 'compact'] as const) {
  for (const [name, type, status, what] of questions) {
    test(`Validator, ${denial}: ${what} is ${status}`, async () => {
      const result = await world(denial).validate(name, type);
      assert.equal(result.status, status, result.error?.text);
    });
  }

  test(`Validator, ${denial}: nothing of an answer can be left out or taken from elsewhere`, async () => {
    const here = world(denial);
    for (const [name, type, , what] of questions.filter(([, , status]) => status === 'secure')) {
      here.tamper = (response) => response;
      const { response } = await here.validate(name, type);
      for (const section of ['answer', 'authority'] as const) {
        for (const dropped of response[section].filter(({ type }) => type === recordType.RRSIG)) {
          if (coveredBy(dropped) === recordType.SOA) continue;
          here.tamper = onlyFor(name, type, (honest) => ({
            ...honest,
            [section]: honest[section].filter(({ rdata }) => !rdata.equals(dropped.rdata)),
          }));
          const { status } = await here.validate(name, type);
          assert.equal(status, 'bogus', `${what}: ${section} ${coveredBy(dropped)}`);
        }
      }
      const other = await new World([{ origin: '.', text: 'x. IN A 192.0.2.1' }]).validate(
        'y.',
        'A',
      );
      here.tamper = onlyFor(name, type, () => other.response);
      assert.equal((await here.validate(name, type)).status, 'bogus', what);
    }
  });
}

test('Validator: every algorithm', async () => {
  for (const algorithm of [8, 10, 14, 15, 16]) {
    const { status } = await world('nsec', algorithm).validate('www.example.', 'A');
    assert.equal(status, 'secure', `${algorithm}`);
  }
});

/** Answers that are wrong in one way, with the code of the extended error (RFC 8914). */
const attacks: {
  what: string;
  question: readonly [name: string, type: string];
  code: number;
  tamper: (honest: IResponse, here: World) => IResponse | null;
  at?: readonly [name: string, type: number];
}[] = [
  {
    what: 'a forged address',
    question: ['www.example.', 'A'],
    code: 6,
    tamper: (honest) => ({
      ...honest,
      answer: honest.answer.map((record) =>
        record.type === recordType.A ? { ...record, rdata: Buffer.of(192, 0, 2, 66) } : record,
      ),
    }),
  },
  {
    what: 'signatures stripped',
    question: ['www.example.', 'A'],
    code: 10,
    tamper: unsigned,
  },
  {
    what: 'signatures of a denial stripped',
    question: ['nothing.example.', 'A'],
    code: 10,
    tamper: unsigned,
  },
  {
    what: 'a denial without records',
    question: ['nothing.example.', 'A'],
    code: 12,
    tamper: (honest) => ({ ...honest, authority: [] }),
  },
  {
    what: 'an answer replaced by a denial',
    question: ['www.example.', 'A'],
    code: 12,
    tamper: (_honest, here) => here.answer(parseName('nothing.example.'), recordType.A),
  },
  {
    what: 'no data instead of an answer, by the denial of another type',
    question: ['www.example.', 'A'],
    code: 12,
    tamper: (_honest, here) => here.answer(parseName('alias.example.'), recordType.AAAA),
  },
  {
    what: 'a name that exists denied by its wildcard',
    question: ['nothing.example.', 'A'],
    code: 12,
    tamper: (_honest, here) => here.answer(parseName('any.wild.example.'), recordType.A),
  },
  {
    what: 'an expanded wildcard without proof',
    question: ['any.wild.example.', 'TXT'],
    code: 12,
    tamper: (honest) => ({ ...honest, authority: [] }),
  },
  {
    what: 'a wildcard moved to a name beside it',
    question: ['any.wilder.example.', 'TXT'],
    code: 6,
    tamper: (_honest, here) => {
      const { answer, authority } = here.answer(parseName('any.wild.example.'), recordType.TXT);
      const name = parseName('any.wilder.example.');
      return { rcode: 0, answer: answer.map((record) => ({ ...record, name })), authority };
    },
  },
  {
    what: 'a DS without signature',
    question: ['www.example.', 'A'],
    code: 10,
    at: ['example.', recordType.DS],
    tamper: unsigned,
  },
  {
    what: 'a DS denied without proof',
    question: ['www.example.', 'A'],
    code: 12,
    at: ['example.', recordType.DS],
    tamper: () => ({ rcode: 0, answer: [], authority: [] }),
  },
  {
    what: 'a DS denied by the child',
    question: ['www.example.', 'A'],
    code: 6,
    at: ['example.', recordType.DS],
    tamper: (_honest, here) => here.answer(parseName('www.example.'), recordType.DS),
  },
  {
    what: 'keys that no DS points to',
    question: ['www.example.', 'A'],
    code: 9,
    at: ['example.', recordType.DNSKEY],
    tamper: (_honest, here) => strangeKeys(here, 'example.'),
  },
  {
    what: 'keys that cannot be had',
    question: ['www.example.', 'A'],
    code: 6,
    at: ['example.', recordType.DNSKEY],
    tamper: () => null,
  },
  {
    what: 'keys of the root that are not those of the anchor',
    question: ['www.example.', 'A'],
    code: 9,
    at: ['.', recordType.DNSKEY],
    tamper: (_honest, here) => strangeKeys(here, '.'),
  },
  {
    what: 'an answer that a strange zone signed',
    question: ['www.example.', 'A'],
    code: 6,
    tamper: (honest, here) => signedBy(here, honest, 'sub.example.', 'sub.example.'),
  },
  {
    what: 'an answer that another zone signed in the name of the right one',
    question: ['www.example.', 'A'],
    code: 9,
    tamper: (honest, here) => signedBy(here, honest, 'sub.example.', 'example.'),
  },
  {
    what: 'an alias that a DNAME does not make',
    question: ['host.dn.example.', 'A'],
    code: 6,
    tamper: (honest) => ({
      ...honest,
      answer: [...honest.answer, recordOf('host.dn.example. IN CNAME evil.plain.')],
    }),
  },
];

for (const { what, question, code, tamper, at } of attacks) {
  test(`Validator: ${what} is bogus`, async () => {
    const here = world();
    const [name, type] = question;
    here.tamper = (honest, asked, askedType) => {
      const isIt = at === undefined ? asked === name : asked === at[0] && askedType === at[1];
      return isIt && (at !== undefined || askedType === recordTypeOf(type))
        ? tamper(honest, here)
        : honest;
    };
    const result = await here.validate(name, type);
    assert.deepEqual([result.status, result.error?.code], ['bogus', code], result.error?.text);
  });
}

test('Validator: time: expired and not yet valid signatures are bogus', async () => {
  const here = world();
  await here.validate('www.example.', 'A');
  const kept = new Map<string, IResponse>();
  here.tamper = (honest, name, type) => kept.get(`${name} ${type}`) ?? honest;
  const old = here.answer(parseName('www.example.'), recordType.A);
  kept.set(`www.example. ${recordType.A}`, old);
  here.clock.advance(20 * 86_400_000);
  const late = await here.validate('www.example.', 'A');
  assert.deepEqual([late.status, late.error?.code], ['bogus', 7]);

  const there = world();
  there.clock.advance(20 * 86_400_000);
  const future = there.answer(parseName('www.example.'), recordType.A);
  const early = new Validator({ anchors: there.anchors }, world().clock);
  const result = await early.validate(parseName('www.example.'), 1, future, async (name, type) =>
    there.answer(name, type),
  );
  assert.deepEqual([result.status, result.error?.code], ['bogus', 8]);
});

test('Validator: an alias into a zone that is not signed is as good as that zone', async () => {
  const here = world();
  here.tamper = (honest, name, type) =>
    name === 'far.example.' && type === recordType.A
      ? { ...honest, answer: [...honest.answer, recordOf('host.plain. IN A 192.0.2.6')] }
      : honest;
  const { status, rrsets } = await here.validate('far.example.', 'A');
  assert.equal(status, 'insecure');
  assert.deepEqual(
    rrsets.map(({ name, type }) => `${formatName(name)} ${type}`),
    ['far.example. 5', 'host.plain. 1'],
  );
});

test('Validator: an alias and the proof that its target is missing', async () => {
  for (const denial of ['nsec', 'nsec3', 'compact'] as const) {
    const here = world(denial);
    const honest = here.answer(parseName('alias.example.'), recordType.AAAA);
    const denied = here.answer(parseName('www.example.'), recordType.AAAA);
    const forged = here.answer(parseName('nothing.example.'), recordType.AAAA);
    const join = (rest: IResponse) => ({ ...rest, answer: [...honest.answer, ...rest.answer] });
    const statusOf = async (response: IResponse) => {
      here.tamper = onlyFor('alias.example.', 'AAAA', () => response);
      return (await here.validate('alias.example.', 'AAAA')).status;
    };
    assert.equal(await statusOf(join(denied)), 'secure');
    assert.equal(await statusOf(join(forged)), 'bogus');
    assert.equal(await statusOf({ ...join(denied), rcode: 3 }), 'bogus');
    // Without a SOA it is an alias only, whatever else is in the authority section.
    const authority = [recordOf('example. IN NS ns.elsewhere.')];
    assert.equal(await statusOf({ ...honest, authority }), 'secure');
  }
});

test('Validator: what is not on the way from the question is not vouched for', async () => {
  const here = world();
  here.tamper = onlyFor('www.example.', 'A', (honest) => ({
    ...honest,
    answer: [...honest.answer, recordOf('evil.example. IN A 192.0.2.66')],
  }));
  const { status, rrsets } = await here.validate('www.example.', 'A');
  assert.equal(status, 'secure');
  assert.equal(rrsets.length, 1);
});

test('Validator: an alias that leads to itself ends', async () => {
  const here = new World([{ origin: '.', text: 'a. IN CNAME a.' }]);
  const { status } = await here.validate('a.', 'A');
  assert.equal(status, 'bogus');
});

test('Validator: keys are kept, for as long as their records allow', async () => {
  const here = world();
  const validator = here.validator();
  await here.validate('www.example.', 'A', validator);
  assert.deepEqual(here.asked, ['www.example. 1', '. 48', 'example. 43', 'example. 48']);
  here.asked.length = 0;
  await here.validate('nothing.example.', 'A', validator);
  assert.deepEqual(here.asked, ['nothing.example. 1']);
  here.clock.advance(3601 * 1000);
  here.asked.length = 0;
  await here.validate('www.example.', 'A', validator);
  assert.deepEqual(here.asked, ['www.example. 1', '. 48', 'example. 43', 'example. 48']);
});

test('Validator: a signature leads right to its zone, past labels without one', async () => {
  const here = new World([
    { origin: '.', text: '1.2.3.4.5.6.arpa. IN NS ns.arpa.' },
    { origin: '1.2.3.4.5.6.arpa.', text: 'a.b.1.2.3.4.5.6.arpa. IN PTR x.' },
  ]);
  const { status } = await here.validate('a.b.1.2.3.4.5.6.arpa.', 'PTR');
  assert.equal(status, 'secure');
  assert.equal(here.asked.length, 4);
});

test('Validator: without an anchor above it an answer is indeterminate', async () => {
  const here = world();
  const elsewhere = here.anchors.map(({ ds }) => ({ zone: parseName('org.'), ds }));
  const validator = new Validator({ anchors: elsewhere }, here.clock);
  const result = await here.validate('www.example.', 'A', validator);
  assert.deepEqual([result.status, result.error?.code], ['indeterminate', 5]);
});

test('Validator: an anchor may stand below the root, and zones may be excepted (RFC 7646)', async () => {
  const here = world();
  const key = here.keys.get('example.') as DnssecKey;
  const zone = parseName('example.');
  const [root] = here.anchors;
  assert.ok(root !== undefined);
  const anchors = trustAnchorsOf([
    { name: zone, type: recordType.DNSKEY, class: 1, ttl: 0, rdata: key.rdata },
  ]);
  const validator = new Validator({ anchors }, here.clock);
  assert.equal((await here.validate('x.y.sub.example.', 'A', validator)).status, 'secure');
  assert.ok(!here.asked.some((question) => question.startsWith('. ')));

  const excepting = new Validator({ anchors: [root], insecureZones: [zone] }, here.clock);
  here.tamper = unsigned;
  assert.equal((await here.validate('www.example.', 'A', excepting)).status, 'insecure');
});

test('Validator: NSEC3 with more than 100 iterations is insecure (RFC 9276)', async () => {
  const build = (iterations: number) =>
    new World([
      {
        origin: '.',
        text: 'a. IN A 192.0.2.1',
        options: { denial: 'nsec3', nsec3: { iterations, salt: Buffer.of(1, 2) } },
      },
    ]);
  assert.equal((await build(100).validate('b.', 'A')).status, 'secure');
  const many = await build(101).validate('b.', 'A');
  assert.deepEqual([many.status, many.error?.code], ['insecure', 27]);
  // Answers that need no proof are still good.
  assert.equal((await build(101).validate('a.', 'A')).status, 'secure');
});

test('Validator: the hashes that a deep name needs are bounded (CVE-2023-50868)', async () => {
  const here = new World([
    { origin: '.', text: 'a. IN A 192.0.2.1', options: { denial: 'nsec3' } },
  ]);
  const deep = `${'x.'.repeat(120)}a.`;
  const validator = new Validator({ anchors: here.anchors, limits: { hashes: 50 } }, here.clock);
  const result = await here.validate(deep, 'A', validator);
  assert.equal(result.status, 'bogus');
  assert.match(result.error?.text ?? '', /more work than is allowed/);
  assert.equal((await here.validate(deep, 'A')).status, 'secure');
});

test('Validator: keys with one tag times bad signatures are bounded (CVE-2023-50387)', async () => {
  const here = world('nsec', 15);
  const key = here.keys.get('example.') as DnssecKey;
  // Words that change places leave the sum, which the tag is, as it was.
  const colliding = Array.from({ length: 60 }, (_, index) => {
    const words = Buffer.from(key.rdata);
    const [from, to] = [4 + 2 * (index % 15), 34 - 2 * (index % 7)];
    words.writeUInt16BE(key.rdata.readUInt16BE(from), to);
    words.writeUInt16BE(key.rdata.readUInt16BE(to), from);
    return words;
  });
  const spoil = (record: IRecord, index: number) => {
    const rdata = Buffer.from(record.rdata);
    rdata.writeUInt16BE(index, rdata.length - 2);
    return { ...record, rdata };
  };
  here.tamper = (honest, name, type) => {
    const [first] = honest.answer;
    if (first === undefined || !name.endsWith('example.') || type === recordType.DS) return honest;
    const rrsigs = honest.answer.filter((record) => record.type === recordType.RRSIG);
    const bad = Array.from({ length: 200 }, (_, index) => rrsigs.map((one) => spoil(one, index)));
    const keys = type === recordType.DNSKEY ? colliding.map((rdata) => ({ ...first, rdata })) : [];
    return { ...honest, answer: [...keys, ...honest.answer, ...bad.flat()].reverse() };
  };
  const result = await here.validate('www.example.', 'A');
  assert.equal(result.status, 'bogus');
});

test('Validator: questions are bounded, and a spent budget is not remembered', async () => {
  const here = world();
  const limits = { fetches: 2 };
  const poor = new Validator({ anchors: here.anchors, limits }, here.clock);
  assert.equal((await here.validate('x.y.sub.example.', 'A', poor)).status, 'bogus');
  // The keys of the root are known now, so that each try gets further.
  assert.equal((await here.validate('www.example.', 'A', poor)).status, 'secure');
  assert.equal((await here.validate('x.y.sub.example.', 'A', poor)).status, 'secure');
});

test('Validator: what the fetch function rejects with reaches the caller', async () => {
  const here = world();
  const response = here.answer(parseName('www.example.'), recordType.A);
  const fetch = async () => {
    throw new Error('network');
  };
  const validator = here.validator();
  await assert.rejects(
    validator.validate(parseName('www.example.'), 1, response, fetch),
    /network/,
  );
});

test('Validator: other rcodes are not judged', async () => {
  const here = world();
  here.tamper = onlyFor('www.example.', 'A', () => ({ rcode: 2, answer: [], authority: [] }));
  assert.equal((await here.validate('www.example.', 'A')).status, 'indeterminate');
});

test('Validator: ANY is as good as each rrset, signatures by themselves are not judged', async () => {
  const here = world();
  assert.equal((await here.validate('www.example.', 'ANY')).status, 'secure');
  assert.equal((await here.validate('www.example.', 'RRSIG')).status, 'indeterminate');
  here.tamper = onlyFor('www.example.', 'ANY', (honest) => ({
    ...honest,
    answer: [...honest.answer, recordOf('www.example. IN TXT "more"')],
  }));
  assert.equal((await here.validate('www.example.', 'ANY')).status, 'bogus');
});

test('Validator: garbage in every record is bogus or better, and throws nothing', async () => {
  const here = world('nsec3');
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  for (let round = 0; round < 300; round++) {
    const damage = (records: readonly IRecord[]) =>
      records.map((record) => {
        if (random(3) > 0) return record;
        const rdata = Buffer.from(record.rdata.subarray(0, random(record.rdata.length + 1)));
        if (rdata.length > 0) rdata[random(rdata.length)] = random(256);
        return { ...record, rdata };
      });
    here.tamper = (honest) => ({
      ...honest,
      answer: damage(honest.answer),
      authority: damage(honest.authority),
    });
    const [name = '', type = ''] = questions[random(questions.length)] ?? [];
    await here.validate(name, type);
  }
});

function onlyFor(
  name: string,
  type: string,
  tamper: (honest: IResponse) => IResponse,
): (honest: IResponse, asked: string, askedType: number) => IResponse {
  return (honest, asked, askedType) =>
    asked === formatName(parseName(name)) && askedType === recordTypeOf(type)
      ? tamper(honest)
      : honest;
}

function coveredBy(record: IRecord): number {
  return record.rdata.readUInt16BE(0);
}

/** A DNSKEY rrset that signs itself with a key that nobody knows. */
function strangeKeys(here: World, zone: string): IResponse {
  const key = DnssecKey.generate(13);
  const name = parseName(zone);
  const rrset = { name, type: recordType.DNSKEY, class: 1, ttl: 60, rdatas: [key.rdata] };
  return { rcode: 0, answer: signed(here, rrset, name, key), authority: [] };
}

/** The addresses of an answer, signed with the key of one zone in the name of another. */
function signedBy(here: World, honest: IResponse, keyOf: string, signer: string): IResponse {
  const key = here.keys.get(keyOf) as DnssecKey;
  const [first] = honest.answer;
  assert.ok(first !== undefined);
  const rrset = { ...first, rdatas: [first.rdata] };
  return { ...honest, answer: signed(here, rrset, parseName(signer), key) };
}

function signed(
  here: World,
  rrset: Parameters<typeof signRrset>[0],
  zone: Buffer,
  key: DnssecKey,
): IRecord[] {
  const nowS = here.clock.now() / 1000;
  const validity = { inceptionS: nowS - 60, expirationS: nowS + 60 };
  const rrsig = {
    ...rrset,
    type: recordType.RRSIG,
    rdatas: [signRrset(rrset, zone, key, validity)],
  };
  return flat([rrset, rrsig]);
}
