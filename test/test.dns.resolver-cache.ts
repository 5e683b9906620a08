import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { decodeMessage, emptyMessage, type IMessage } from '../ts/dns/codec/message.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { failure, type IAnswer, type IAsked } from '../ts/dns/resolver/answer.ts';
import { AnswerCache, type ICacheLimits } from '../ts/dns/resolver/cache.ts';
import { CachingResolver } from '../ts/dns/resolver/caching-resolver.ts';
import { writePackedAnswer } from '../ts/dns/resolver/packed-answer.ts';
import { records } from './dns/internet.ts';

const asked = (name: string, type = 1): IAsked => {
  return { name: parseName(name), type, checkingDisabled: false };
};

function positive(lines: string): IAnswer {
  const answer = records(lines);
  return { rcode: 0, answer, authority: [], security: 'insecure', extendedError: null };
}

function negative(rcode: number, soaLine: string, security: IAnswer['security'] = 'insecure') {
  const authority = records(soaLine);
  return { rcode, answer: [], authority, security, extendedError: null } satisfies IAnswer;
}

const soa = 'x. 500 SOA a.x. b.x. 1 2 3 4 300';

function cacheWith(limits?: ICacheLimits) {
  const clock = new ManualClock();
  return { clock, cache: new AnswerCache(clock, limits) };
}

test('AnswerCache: TTLs count down, and the least of them decides', () => {
  const { clock, cache } = cacheWith();
  cache.store(asked('a.x'), positive('a.x. 100 CNAME b.x.\n b.x. 60 A 192.0.2.1'));
  clock.advance(10_500);
  const entry = cache.find(asked('a.x'));
  assert.ok(entry !== null);
  assert.deepEqual(
    cache.answerOf(entry).answer.map(({ ttl }) => ttl),
    [50, 50],
  );
  clock.advance(49_499);
  assert.ok(cache.find(asked('a.x')) !== null);
  clock.advance(1);
  assert.equal(cache.find(asked('a.x')), null);
  const { hits, misses } = cache.numbers();
  assert.deepEqual([hits, misses], [2, 1]);
});

test('AnswerCache: type, CD and name tell questions apart; case does not', () => {
  const { cache } = cacheWith();
  cache.store(asked('a.x'), positive('a.x. 100 A 192.0.2.1'));
  assert.equal(cache.find(asked('a.x', 28)), null);
  assert.equal(cache.find(asked('b.x')), null);
  assert.equal(cache.find({ ...asked('a.x'), checkingDisabled: true }), null);
  assert.ok(cache.find(asked('A.X')) !== null);
});

test('AnswerCache: negative answers hold for the SOA minimum, and not without a SOA', () => {
  const { clock, cache } = cacheWith();
  cache.store(asked('a.x'), negative(0, soa));
  cache.store(asked('b.x'), negative(0, ''));
  assert.equal(cache.find(asked('b.x')), null);
  clock.advance(299_999);
  assert.ok(cache.find(asked('a.x'))?.isNegative);
  clock.advance(1);
  assert.equal(cache.find(asked('a.x')), null);
});

test('AnswerCache: NXDOMAIN is for all types of the name; below it only when it is secure', () => {
  for (const security of ['insecure', 'secure'] as const) {
    const { cache } = cacheWith();
    cache.store(asked('a.x'), negative(3, soa, security));
    assert.equal(cache.find(asked('a.x', 15))?.packed.rcode, 3);
    assert.equal(cache.find(asked('b.c.a.x'))?.packed.rcode, security === 'secure' ? 3 : undefined);
    assert.equal(cache.find(asked('ba.x')), null);
  }
});

test('AnswerCache: an alias to a name that does not exist says nothing of other types', () => {
  const { cache } = cacheWith();
  const answer = { ...negative(3, soa), answer: records('a.x. 100 CNAME b.x.') };
  cache.store(asked('a.x'), answer);
  assert.equal(cache.find(asked('a.x'))?.packed.rcode, 3);
  assert.equal(cache.find(asked('a.x', 15)), null);
});

test('AnswerCache: the newer answer replaces the older, NXDOMAIN and records too', () => {
  const { cache } = cacheWith();
  cache.store(asked('a.x'), positive('a.x. 100 A 192.0.2.1'));
  cache.store(asked('a.x'), negative(3, soa));
  assert.equal(cache.find(asked('a.x'))?.packed.rcode, 3);
  cache.store(asked('a.x'), positive('a.x. 100 A 192.0.2.2'));
  assert.equal(cache.find(asked('a.x', 15)), null);
  assert.equal(cache.numbers().entries, 1);
});

test('AnswerCache: stays within its bytes, and what was used last stays', () => {
  const { cache } = cacheWith({ bytesMax: 60_000 });
  for (let index = 0; index < 1000; index++) {
    cache.store(asked(`n${index}.x`), positive(`n${index}.x. 100 A 192.0.2.1`));
    assert.ok(cache.find(asked('n0.x')) !== null, `at ${index}`);
    assert.ok(cache.numbers().bytes <= 60_000);
  }
  const { entries, evicted } = cache.numbers();
  assert.equal(entries + evicted, 1000);
  assert.ok(entries > 50);
  assert.equal(cache.find(asked('n1.x')), null);
  assert.deepEqual([...cache.list()].length, entries);
  assert.equal(cache.flush(), entries);
  assert.equal(cache.numbers().bytes, 0);
});

test('AnswerCache: one huge answer does not drive the others out', () => {
  const { cache } = cacheWith({ bytesMax: 60_000 });
  const lines = Array.from(
    { length: 3000 },
    (_, index) => `a.x. 9 A 10.0.${index >> 8}.${index & 255}`,
  );
  cache.store(asked('b.x'), positive('b.x. 100 A 192.0.2.1'));
  cache.store(asked('a.x'), positive(lines.join('\n')));
  assert.equal(cache.find(asked('a.x')), null);
  assert.ok(cache.find(asked('b.x')) !== null);
});

test('AnswerCache: flush() takes a name, or all below it', () => {
  const { cache } = cacheWith();
  for (const name of ['x', 'a.x', 'b.a.x', 'ba.x']) {
    cache.store(asked(name), positive(`${name}. 100 A 192.0.2.1`));
  }
  assert.equal(cache.flush(parseName('A.x')), 1);
  assert.equal(cache.flush(parseName('a.x'), true), 1);
  assert.ok(cache.find(asked('ba.x')) !== null);
  assert.equal(cache.flush(null), 2);
});

test('writePackedAnswer: id, flags, case and TTLs are those of the moment', () => {
  const { clock, cache } = cacheWith();
  const name = 'a.example.x';
  cache.store(asked(name), positive(`${name}. 100 A 192.0.2.1\n ${name}. 100 A 192.0.2.2`));
  clock.advance(30_000);
  const entry = cache.find(asked(name));
  assert.ok(entry !== null);
  const question = [{ name: parseName('A.exAMPle.x'), type: 1, class: 1 }];
  const query = encodeMessage({ ...emptyMessage, id: 4711, question });
  const target = Buffer.alloc(600);
  const end = writePackedAnswer(entry.packed, target, 2, query, 0x8180, cache.ttlOf(entry));
  const message = decodeMessage(target.subarray(2, end)) as IMessage;
  assert.equal(message.id, 4711);
  assert.ok(message.recursionAvailable && message.response);
  assert.deepEqual(message.question, question);
  assert.deepEqual(
    message.answer.map(({ ttl, rdata }) => [ttl, rdata.toString('hex')]),
    [
      [70, 'c0000201'],
      [70, 'c0000202'],
    ],
  );
  assert.deepEqual(message.answer[0]?.name, question[0]?.name);
});

/** A source that is told what to say, when it is time. */
function manual(limits?: ICacheLimits) {
  const clock = new ManualClock();
  const cache = new AnswerCache(clock, limits);
  const open: ((answer: IAnswer) => void)[] = [];
  const source = {
    answer: () => new Promise<IAnswer>((resolve) => open.push(resolve)),
  };
  const resolver = new CachingResolver({ source, cache, clock });
  return { clock, cache, open, resolver };
}

const turn = () => new Promise((done) => setImmediate(done));

async function fill({ resolver, open }: ReturnType<typeof manual>, lines: string): Promise<void> {
  const first = resolver.lookup(asked('a.x'));
  await turn();
  open.shift()?.(positive(lines));
  await first;
}

test('CachingResolver: renews what is used before it expires, once', async () => {
  const parts = manual();
  await fill(parts, 'a.x. 100 A 192.0.2.1');
  parts.clock.advance(89_000);
  await parts.resolver.lookup(asked('a.x'));
  assert.equal(parts.open.length, 0);
  parts.clock.advance(2000);
  for (let count = 0; count < 5; count++) {
    assert.equal((await parts.resolver.lookup(asked('a.x'))).origin, 'cache');
  }
  assert.equal(parts.open.length, 1);
  parts.open.shift()?.(positive('a.x. 100 A 192.0.2.2'));
  await turn();
  parts.clock.advance(50_000);
  const { answer, origin } = await parts.resolver.lookup(asked('a.x'));
  assert.deepEqual([origin, answer.answer[0]?.ttl], ['cache', 50]);
  assert.equal(answer.answer[0]?.rdata[3], 2);
});

test('CachingResolver: gives what has expired when the servers fail, and asks again later', async () => {
  const parts = manual();
  await fill(parts, 'a.x. 100 A 192.0.2.1');
  parts.clock.advance(200_000);
  const stale = parts.resolver.lookup(asked('a.x'));
  await turn();
  parts.open.shift()?.(failure(null));
  const { answer, origin } = await stale;
  assert.deepEqual([origin, answer.answer[0]?.ttl, answer.extendedError?.code], ['stale', 30, 3]);
  // RFC 8767 §5: not for each question.
  assert.equal((await parts.resolver.lookup(asked('a.x'))).origin, 'stale');
  assert.equal(parts.open.length, 0);
  parts.clock.advance(30_000);
  const again = parts.resolver.lookup(asked('a.x'));
  await turn();
  parts.open.shift()?.(positive('a.x. 100 A 192.0.2.9'));
  assert.equal((await again).origin, 'network');
});

test('CachingResolver: does not let a client wait for long when it has something stale', async () => {
  const parts = manual();
  await fill(parts, 'a.x. 100 A 192.0.2.1');
  parts.clock.advance(200_000);
  const slow = parts.resolver.lookup(asked('a.x'));
  await turn();
  parts.clock.advance(1800);
  assert.equal((await slow).origin, 'stale');
  parts.open.shift()?.(positive('a.x. 100 A 192.0.2.2'));
  await turn();
  assert.equal((await parts.resolver.lookup(asked('a.x'))).origin, 'cache');
});

test('CachingResolver: nothing is given stale when it is too old, or when told not to', async () => {
  for (const [staleSecondsMax, ageMs] of [
    [86_400, 100_000 + 86_400_001],
    [0, 100_001],
  ] as const) {
    const parts = manual({ staleSecondsMax });
    await fill(parts, 'a.x. 100 A 192.0.2.1');
    parts.clock.advance(ageMs);
    const late = parts.resolver.lookup(asked('a.x'));
    await turn();
    parts.open.shift()?.(failure(null));
    assert.equal((await late).answer.rcode, 2);
  }
});

test('CachingResolver: a failure is remembered for seconds', async () => {
  const parts = manual();
  const first = parts.resolver.lookup(asked('a.x'));
  await turn();
  parts.open.shift()?.(failure(null));
  assert.equal((await first).answer.rcode, 2);
  assert.equal((await parts.resolver.lookup(asked('a.x'))).origin, 'cache');
  parts.clock.advance(5000);
  void parts.resolver.lookup(asked('a.x'));
  await turn();
  assert.equal(parts.open.length, 1);
});

test('CachingResolver: takes so many open questions and no more', async () => {
  const clock = new ManualClock();
  const cache = new AnswerCache(clock);
  const source = { answer: () => new Promise<IAnswer>(() => undefined) };
  const resolver = new CachingResolver({ source, cache, clock, questionsMax: 10 });
  for (let index = 0; index < 10; index++) void resolver.lookup(asked(`n${index}.x`));
  const { answer } = await resolver.lookup(asked('more.x'));
  assert.deepEqual([answer.rcode, answer.extendedError?.code], [2, 14]);
  assert.equal(resolver.openQuestions, 10);
});

test('CachingResolver: an error of ours is told, and the question is SERVFAIL', async () => {
  const clock = new ManualClock();
  const cache = new AnswerCache(clock);
  const faults: unknown[] = [];
  const source = { answer: () => Promise.reject(new TypeError('ours')) };
  const onFault = (error: unknown) => faults.push(error);
  const quiet = new CachingResolver({ source, cache, clock, onFault });
  assert.equal((await quiet.lookup(asked('a.x'))).answer.rcode, 2);
  assert.equal(faults.length, 1);
  const loud = new CachingResolver({ source, cache, clock });
  await assert.rejects(loud.lookup(asked('a.x')), TypeError);
});

test('CachingResolver: who asks first gets TTLs within the limits, as all others', async () => {
  const limits = { ttlSecondsMin: 50, ttlSecondsMax: 100, negativeTtlSecondsMax: 20 };
  const { open, resolver } = manual(limits);
  const ttlsOf = async (type: number, answer: IAnswer) => {
    const first = resolver.lookup(asked('a.x', type));
    await turn();
    open.shift()?.(answer);
    const found = [await first, await resolver.lookup(asked('a.x', type))];
    return found.map(({ origin, answer: { answer: records, authority } }) => {
      return [origin, ...[...records, ...authority].map(({ ttl }) => ttl)];
    });
  };
  const alias = positive('a.x. 5 CNAME b.x.\n b.x. 400 A 192.0.2.1');
  assert.deepEqual(await ttlsOf(1, alias), [
    ['network', 50, 100],
    ['cache', 50, 50],
  ]);
  assert.deepEqual(await ttlsOf(28, negative(0, soa)), [
    ['network', 20],
    ['cache', 20],
  ]);
});
