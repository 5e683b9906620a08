import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { test } from 'node:test';
import { extendedErrors } from '../ts/dns/codec/edns.ts';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { formatName } from '../ts/dns/codec/name.ts';
import { rdataCodec } from '../ts/dns/codec/rdata.ts';
import { recordTypeName } from '../ts/dns/codec/types.ts';
import { onLoopback, planeOf, upstreamOf } from './dns/plane.ts';
import { clientSocket, decoded, plainEdns, queryFor } from './dns/query.ts';

const foreign = `
  test. 60 SOA ns.test. h.test. 1 1 1 1 30
  www.test. 60 A 198.51.100.1
  www.test. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 test. AAAA
  alias.test. 60 CNAME www.test.
  host.sub.example.org. 60 A 198.51.100.2
`;
const rd = { recursionDesired: true };

/** Asks 127.0.0.1 from whatever address the socket has. */
function ask(socket: Socket, port: number, name: string, more: Partial<IMessage> = rd, type = 'A') {
  return new Promise<IMessage>((resolve) => {
    socket.once('message', (bytes) => resolve(decoded(bytes)));
    socket.send(queryFor(name, type, { edns: plainEdns, ...more }), port, '127.0.0.1');
  });
}

function text({ answer }: IMessage): string[] {
  return answer.map(({ name, type, rdata }) => {
    return `${formatName(name)} ${recordTypeName(type)} ${rdataCodec(type).format(rdata)}`;
  });
}

async function resolving(context: Parameters<typeof planeOf>[0], more = {}, workers = 0) {
  const upstream = await upstreamOf(context, foreign);
  const made = await planeOf(context, { workers });
  made.book.set(
    'example.org',
    'www 60 CNAME www.test.\nown 60 A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.9',
  );
  const resolver = { servers: [upstream.server], clients: ['127.0.0.2/32'], ...more };
  await made.use({ listeners: onLoopback, resolver });
  const inside = await clientSocket(context, '127.0.0.2');
  const outside = await clientSocket(context);
  return { ...made, upstream, resolver, inside, outside };
}

for (const workers of [0, 1]) {
  const where = workers === 0 ? '' : ' through a thread';
  test(`names that are not ours are looked up for some clients only${where}`, async (context) => {
    const { inside, outside, port, upstream } = await resolving(context, {}, workers);
    const refused = await ask(outside, port(), 'www.test');
    assert.deepEqual([refused.rcode, refused.recursionAvailable], [5, false]);
    const norecursion = await ask(inside, port(), 'www.test', {});
    assert.deepEqual([norecursion.rcode, norecursion.recursionAvailable], [5, true]);
    assert.deepEqual(upstream.asked, [], 'nobody has asked it');
    const cookie = { code: 10, data: Buffer.alloc(8, 7) };
    for (const round of ['looked up', 'from the cache']) {
      const edns = { ...plainEdns, options: [cookie] };
      const found = await ask(inside, port(), 'WwW.tEst', { ...rd, edns });
      assert.deepEqual(text(found), ['WwW.tEst. A 198.51.100.1'], round);
      assert.deepEqual(
        [found.recursionAvailable, found.recursionDesired, found.authoritative, found.id],
        [true, true, false, 4711],
      );
      assert.equal(found.edns?.options[0]?.data.length, 24);
    }
    assert.deepEqual(upstream.asked, ['www.test. A']);
    const missing = await ask(inside, port(), 'nothing.test');
    assert.deepEqual([missing.rcode, missing.authority.length], [3, 1]);
    // Nothing below it either: the answer in the cache has another question.
    const own = await ask(inside, port(), 'own.example.org');
    assert.deepEqual(
      [text(own).length, own.authoritative, own.recursionAvailable],
      [1, true, true],
    );
  });
}

test('an alias out of our zones and a delegation are followed to their end', async (context) => {
  const { inside, outside, port } = await resolving(context);
  const whole = await ask(inside, port(), 'www.example.org');
  assert.deepEqual(text(whole), ['www.example.org. CNAME www.test.', 'www.test. A 198.51.100.1']);
  assert.deepEqual([whole.authoritative, whole.recursionAvailable], [true, true]);
  const half = await ask(outside, port(), 'www.example.org');
  assert.deepEqual(text(half), ['www.example.org. CNAME www.test.']);
  assert.equal(half.recursionAvailable, false);
  const below = await ask(inside, port(), 'host.sub.example.org');
  assert.deepEqual(text(below), ['host.sub.example.org. A 198.51.100.2']);
  const referral = await ask(outside, port(), 'host.sub.example.org');
  assert.deepEqual([referral.answer.length, referral.authority.length], [0, 1]);
  const iterative = await ask(inside, port(), 'host.sub.example.org', {});
  assert.equal(iterative.authority.length, 1);
});

test('signatures and AD only for those who ask', async (context) => {
  const { inside, port, upstream } = await resolving(context);
  upstream.isSecure = true;
  const dnssec = { ...plainEdns, do: true };
  for (const round of [1, 2]) {
    const plain = await ask(inside, port(), 'www.test');
    assert.deepEqual([plain.answer.length, plain.authenticatedData], [1, false], `${round}`);
    const ad = await ask(inside, port(), 'www.test', { ...rd, authenticatedData: true });
    assert.deepEqual([ad.answer.length, ad.authenticatedData], [1, true]);
    const full = await ask(inside, port(), 'www.test', { ...rd, edns: dnssec });
    assert.deepEqual([full.answer.length, full.authenticatedData], [2, true]);
    const cd = await ask(inside, port(), 'www.test', {
      ...rd,
      edns: dnssec,
      checkingDisabled: true,
    });
    assert.deepEqual([cd.checkingDisabled, cd.authenticatedData], [true, false]);
  }
});

test('a failure is SERVFAIL with its code, and without what the error says of servers', async (context) => {
  const { inside, port, upstream, use, resolver } = await resolving(context);
  upstream.rcode = 5;
  assert.equal(
    (await ask(inside, port(), 'gone.test')).rcode,
    2,
    'it is not the client who is refused',
  );
  // Nobody listens there.
  await use({ listeners: onLoopback, resolver: { ...resolver, servers: ['tcp://127.0.0.1:1'] } });
  for (const round of ['asked', 'kept']) {
    const failed = await ask(inside, port(), 'gone.test');
    assert.equal(failed.rcode, 2, round);
    assert.deepEqual(extendedErrors(failed.edns), [{ code: 22, text: '' }]);
  }
});

test('an unusual query is looked up as well, and an answer that is too long is truncated', async (context) => {
  const long = Array.from(
    { length: 40 },
    (_, index) => `big.test. 60 TXT ${`${index}`.padEnd(60, 'x')}`,
  );
  const upstream = await upstreamOf(context, `${foreign}\n${long.join('\n')}`);
  const { use, port } = await planeOf(context);
  const resolver = {
    servers: [`tcp://${upstream.server}`, upstream.server],
    clients: ['127.0.0.0/8'],
  };
  await use({ listeners: onLoopback, resolver });
  const socket = await clientSocket(context);
  const edns = { ...plainEdns, options: [{ code: 3, data: Buffer.alloc(0) }] };
  assert.equal((await ask(socket, port(), 'www.test', { ...rd, edns })).answer.length, 1);
  const large = { ...plainEdns, udpSize: 4096 };
  for (const round of [1, 2]) {
    const cut = await ask(socket, port(), 'big.test', { ...rd, edns: large }, 'TXT');
    assert.deepEqual([cut.truncated, cut.rcode], [true, 0], `${round}`);
  }
});

test('other options count from the next query on, without a restart', async (context) => {
  const { inside, port, use, resolver, upstream, plane } = await resolving(context);
  await ask(inside, port(), 'www.test');
  await use({ listeners: onLoopback, resolver: { ...resolver, clients: [] } });
  assert.equal((await ask(inside, port(), 'www.test')).rcode, 5);
  await use({ listeners: onLoopback, resolver });
  assert.equal((await ask(inside, port(), 'www.test')).rcode, 0);
  assert.equal(upstream.asked.length, 1, 'the cache stays when only the clients change');
  const other = await upstreamOf(context, 'www.test. 60 A 198.51.100.77');
  await use({ listeners: onLoopback, resolver: { ...resolver, servers: [other.server] } });
  const { records } = await plane.resolver.resolve('www.test', 'A');
  assert.deepEqual(
    records.map(({ data }) => data),
    ['198.51.100.77'],
  );
});
