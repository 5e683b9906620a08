import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { recordTypeName, recordTypeOf } from '../ts/dns/codec/types.ts';
import { follow } from '../ts/dns/resolver/follow.ts';
import { answerIn } from '../ts/dns/resolver/scrub.ts';
import { record, records } from './dns/internet.ts';

const name = parseName('www.old.test');
const answer = records(`
  old.test. 60 DNAME new.test.
  old.test. 60 RRSIG DNAME 13 2 60 20300101000000 20200101000000 1 test. AAAA
  www.old.test. 60 CNAME www.new.test.
`);
const proofs = records(`
  a.test. 60 NSEC z.test. A
  a.test. 60 RRSIG NSEC 13 2 60 20300101000000 20200101000000 1 test. AAAA
`);

for (const [type, target] of [
  ['A', 'www.new.test.'],
  ['CNAME', null],
  ['ANY', null],
] as const) {
  test(`answerIn() below a DNAME for ${type}: the alias comes with what proves it`, () => {
    const found = answerIn(answer, [], name, recordTypeOf(type) as number);
    assert.deepEqual(
      found?.records.map((one) => `${formatName(one.name)} ${recordTypeName(one.type)}`),
      ['old.test. DNAME', 'old.test. RRSIG', 'www.old.test. CNAME'],
    );
    assert.equal(found?.target && formatName(found.target), target);
  });
}

test('answerIn() keeps proofs of what was made from a wildcard, and no others', () => {
  const own = (labels: number) =>
    records(`www.old.test. 60 CNAME x.test.
      www.old.test. 60 RRSIG CNAME 13 ${labels} 60 20300101000000 20200101000000 1 test. AAAA`);
  assert.equal(answerIn(own(3), proofs, name, 1)?.authority.length, 0);
  assert.equal(answerIn(own(2), proofs, name, 1)?.authority.length, 2);
});

test('follow() gives a proof once that holds for the alias and for its target', async () => {
  const part = { rcode: 0, security: 'secure', extendedError: null } as const;
  const soa = record('test. 60 SOA ns.test. h.test. 1 1 1 1 30');
  const own = { ...part, answer: records('www.old.test. 60 CNAME x.test.'), authority: proofs };
  const rest = { ...part, answer: [], authority: [soa, ...proofs] };
  const asked = { name, type: 1, checkingDisabled: false };
  const work = {
    budget: {} as never,
    depth: 0,
    trace: null,
    lookup: async () => rest,
  };
  const whole = await follow(asked, own, parseName('x.test'), work);
  assert.deepEqual(whole.authority, rest.authority);
});
