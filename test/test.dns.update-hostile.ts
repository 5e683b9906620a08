import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { recordType } from '../ts/dns/codec/types.ts';
import { applyUpdates, scanUpdates } from '../ts/dns/update/update-records.ts';
import { ZoneDraft } from '../ts/dns/update/zone-draft.ts';
import { change, example, makeWorld, openBook } from './dns/book.ts';
import { smallZone } from './dns/special.ts';

const apex = parseName('example.org.');
const everything = { allows: () => true, touches: () => true };
/** About as many records as fit into a message. */
const count = 5000;
/** What is bounded takes some 30 ms; where each record cost what all before it do, it took seconds. */
const msMax = 1000;

function added(name: string, type: number, rdata: Buffer) {
  return { name: parseName(name, apex), type, class: 1, ttl: 60, rdata };
}

function number16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 255]);
}

const numbers = Array.from({ length: count }, (_, index) => index);
const floods = [
  { what: 'one record set', records: numbers.map((n) => added('one', 65_280, number16(n))) },
  { what: 'one name', records: numbers.map((n) => added('one', 1000 + n, number16(n))) },
  { what: 'many names', records: numbers.map((n) => added(`n${n}`, 65_280, number16(n))) },
  {
    what: 'a CNAME again and again beside many types',
    records: numbers.map((n) =>
      n % 2 === 0 ? added('one', 1000 + n, number16(n)) : added('one', recordType.CNAME, apex),
    ),
  },
];

for (const { what, records } of floods) {
  test(`an update of ${count} records, ${what}, is a matter of milliseconds`, () => {
    const draft = new ZoneDraft(smallZone(7));
    const start = performance.now();
    assert.equal(scanUpdates(draft, records, everything), 0);
    applyUpdates(draft, records);
    const changes = draft.finish();
    const held = changes.reduce((sum, { rdatas }) => sum + rdatas.length, 0);
    assert.equal(held, what.startsWith('a CNAME') ? count / 2 : count);
    const gone = records.map((record) => ({ ...record, class: 254, ttl: 0 }));
    const names = records.map(({ name }) => {
      return { name, type: recordType.ANY, class: 255, ttl: 0, rdata: Buffer.alloc(0) };
    });
    assert.equal(scanUpdates(draft, [...gone, ...names], everything), 0);
    applyUpdates(draft, [...gone, ...names]);
    assert.deepEqual(draft.finish(), []);
    const tookMs = performance.now() - start;
    assert.ok(tookMs < msMax, `${tookMs} ms`);
  });
}

test('a record set that no answer can hold is refused', async () => {
  const book = await openBook(await makeWorld(), [example]);
  const data = (bytes: number) => `\\# ${bytes} ${'00'.repeat(bytes)}`;
  const set = (bytes: number) =>
    book.change('example.org', 'update', () => [
      change('big.example.org.', 'TYPE65280', [data(30_000), data(bytes)]),
    ]);
  await assert.rejects(set(35_600), /longer than any answer/);
  await set(35_300);
});
