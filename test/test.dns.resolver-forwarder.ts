import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IMessage } from '../ts/dns/codec/message.ts';
import { responseTo } from '../ts/dns/codec/message.ts';
import { formatName, nameKey, parseName } from '../ts/dns/codec/name.ts';
import type { IServer, IValidator, TResolverMode } from '../ts/dns/resolver/index.ts';
import { Internet, record, records, resolverIn, settle, type TBehaviour } from './dns/internet.ts';

/** A resolver that knows the given records, and follows aliases in them. */
function upstream(lines: string, change: Partial<IMessage> = {}): TBehaviour {
  const all = records(lines);
  return ({ query }) => {
    const reply = { ...responseTo(query, 0), recursionAvailable: true, edns: query.edns };
    const [question] = query.question;
    if (question === undefined) return null;
    const answer = all.filter(({ type }) => type === question.type || type === 5);
    return { ...reply, answer, ...change };
  };
}

const udp = (address: string): IServer => ({ address, port: 53, protocol: 'udp' });
const forward = (...upstreams: IServer[]): TResolverMode => ({ type: 'forward', upstreams });

async function ask(internet: Internet, mode: TResolverMode, name = 'www.x', type = 'A') {
  return settle(internet, resolverIn(internet, { mode }).resolver.resolve(name, type));
}

const plain = 'www.x. 60 A 192.0.2.1';

test('Forwarder: asks with RD, and takes what belongs to the question', async () => {
  const internet = new Internet();
  const seen: IMessage[] = [];
  const run = upstream(`www.x. 60 CNAME w.y.\n w.y. 30 A 192.0.2.1\n evil.z. 60 A 203.0.113.1`);
  internet.on('192.0.2.53', (visit) => {
    seen.push(visit.query);
    return run(visit);
  });
  const { records: found, canonicalName, ttl } = await ask(internet, forward(udp('192.0.2.53')));
  assert.deepEqual(
    found.map(({ name, data }) => [name, data]),
    [['w.y.', '192.0.2.1']],
  );
  assert.deepEqual([canonicalName, ttl], ['w.y.', 30]);
  assert.ok(seen[0]?.recursionDesired);
  assert.equal(seen[0]?.edns?.udpSize, 1232);
});

test('Forwarder: the next upstream is asked when one is dead, refuses or fails', async () => {
  const bad: TBehaviour[] = [
    () => null,
    ({ query }) => responseTo(query, 5),
    ({ query }) => responseTo(query, 2),
    ({ query }) => ({ ...responseTo(query, 0), authority: [record('. 60 NS a.root.')] }),
  ];
  for (const behaviour of bad) {
    const internet = new Internet();
    internet.on('192.0.2.53', behaviour).on('192.0.2.54', upstream(plain));
    const mode = { ...forward(udp('192.0.2.53'), udp('192.0.2.54')), inOrder: true };
    const { records: found } = await ask(internet, mode as TResolverMode);
    assert.equal(found[0]?.data, '192.0.2.1');
  }
});

test('Forwarder: in order, a dead upstream is not waited for each time', async () => {
  const internet = new Internet().on('192.0.2.54', ({ query }) => {
    return { ...responseTo(query, 0), recursionAvailable: true };
  });
  const upstreams = [udp('192.0.2.53'), udp('192.0.2.54')];
  const parts = resolverIn(internet, { mode: { type: 'forward', upstreams, inOrder: true } });
  for (let index = 0; index < 20; index++) {
    const { rcode } = await settle(internet, parts.resolver.resolve(`n${index}.x`, 'A'));
    assert.equal(rcode, 'NOERROR');
  }
  assert.ok(internet.asked('192.0.2.53').length <= 4);
});

test('Forwarder: NXDOMAIN with a foreign answer is nonsense', async () => {
  const internet = new Internet().on('192.0.2.53', ({ query }) => {
    return {
      ...responseTo(query, 3),
      recursionAvailable: true,
      answer: records('z. 60 A 1.2.3.4'),
    };
  });
  assert.equal((await ask(internet, forward(udp('192.0.2.53')))).rcode, 'SERVFAIL');
});

test('Forwarder: when all fail it says how, and gives the reason of the upstream', async () => {
  const internet = new Internet();
  const edns = { udpSize: 1232, version: 0, do: false, options: [] };
  const options = [{ code: 15, data: Buffer.concat([Buffer.from([0, 6]), Buffer.from('bad')]) }];
  internet.on('192.0.2.53', ({ query }) => {
    return { ...responseTo(query, 2), edns: { ...edns, options } };
  });
  const { rcode, extendedError } = await ask(internet, forward(udp('192.0.2.53')));
  assert.deepEqual([rcode, extendedError], ['SERVFAIL', { code: 6, text: 'bad' }]);
  const dead = await ask(new Internet(), forward(udp('192.0.2.99')));
  assert.deepEqual([dead.rcode, dead.extendedError?.code], ['SERVFAIL', 22]);
});

test('Forwarder: AD counts only where the way is trusted', async () => {
  for (const trustAd of [true, false]) {
    const internet = new Internet();
    internet.on('192.0.2.53', upstream(plain, { authenticatedData: true }));
    const mode = { type: 'forward', upstreams: [udp('192.0.2.53')], trustAd } as const;
    assert.equal((await ask(internet, mode)).authenticated, trustAd);
  }
});

test('Forwarder: negative answers hold as the SOA says; a foreign SOA does not count', async () => {
  const internet = new Internet();
  internet.on('192.0.2.53', ({ query }) => ({
    ...responseTo(query, 3),
    recursionAvailable: true,
    authority: records('x. 900 SOA a. b. 1 2 3 4 120'),
  }));
  const parts = resolverIn(internet, { mode: forward(udp('192.0.2.53')) });
  const own = await settle(internet, parts.resolver.resolve('gone.x', 'A'));
  assert.deepEqual([own.rcode, own.ttl], ['NXDOMAIN', 120]);
  const foreign = await settle(internet, parts.resolver.resolve('gone.y', 'A'));
  assert.deepEqual([foreign.rcode, foreign.ttl], ['NXDOMAIN', 0]);
});

test('Forwarder: an alias loop in one answer ends', async () => {
  const internet = new Internet();
  internet.on('192.0.2.53', upstream('www.x. 60 CNAME a.x.\n a.x. 60 CNAME www.x.'));
  const { records: found } = await ask(internet, forward(udp('192.0.2.53')));
  assert.deepEqual(found, []);
});

test('Forwarder: TCP and TLS queries are pipelined on one stream, answered in any order', async () => {
  for (const protocol of ['tcp', 'tls'] as const) {
    const internet = new Internet();
    const server = { address: '192.0.2.53', port: 853, protocol, serverName: 'dns.example' };
    const sizes = new Set<number>();
    internet.on('192.0.2.53', ({ query, bytes }) => {
      sizes.add(bytes.length % 128);
      const name = query.question[0]?.name as Buffer;
      const answer = [{ ...record('x. 60 A 192.0.2.1'), name }];
      return { ...responseTo(query, 0), recursionAvailable: true, answer };
    });
    const { resolver } = resolverIn(internet, { mode: forward(server) });
    const names = Array.from({ length: 50 }, (_, index) => `${'n'.repeat(index + 1)}.x`);
    const all = Promise.all(names.map((name) => resolver.resolve(name, 'A')));
    const outcomes = await settle(internet, all);
    assert.ok(outcomes.every(({ records: found }) => found.length === 1));
    assert.equal(internet.opened, 1);
    // RFC 8467: who watches learns little from the length.
    assert.equal(sizes.size === 1 && sizes.has(0), protocol === 'tls');
  }
});

test('StreamPool: a stream that the server closed between queries is replaced', async () => {
  const internet = new Internet();
  internet.answersPerStream = 2;
  const server: IServer = { address: '192.0.2.53', port: 53, protocol: 'tcp' };
  internet.on('192.0.2.53', ({ query }) => {
    const name = query.question[0]?.name as Buffer;
    const answer = [{ ...record('x. 60 A 192.0.2.1'), name }];
    return { ...responseTo(query, 0), recursionAvailable: true, answer };
  });
  const { resolver } = resolverIn(internet, { mode: forward(server) });
  for (let index = 0; index < 6; index++) {
    const outcome = await settle(internet, resolver.resolve(`n${index}.x`, 'A'));
    assert.equal(outcome.rcode, 'NOERROR');
  }
  assert.equal(internet.opened, 3);
  internet.clock.advance(10_001);
  assert.equal(internet.openStreams, 0);
});

test('StreamPool: a stream that leaves a query without answer is not used again', async () => {
  const internet = new Internet();
  const server: IServer = { address: '192.0.2.53', port: 53, protocol: 'tcp' };
  let isDeaf = false;
  const run = upstream('n.x. 60 A 192.0.2.1');
  internet.on('192.0.2.53', (visit) => (isDeaf ? null : run(visit)));
  const parts = resolverIn(internet, { mode: forward(server) });
  await settle(internet, parts.resolver.resolve('n.x', 'A'));
  isDeaf = true;
  const failed = await settle(internet, parts.resolver.resolve('m.x', 'A'));
  assert.equal(failed.rcode, 'SERVFAIL');
  assert.ok(internet.opened >= 2);
  assert.equal(internet.openStreams, 0);
  assert.equal(internet.clock.timerCount, 0);
});

test('Forwarder: HTTPS queries have the id 0 and are padded', async () => {
  const internet = new Internet();
  const run = upstream(plain);
  internet.on('192.0.2.53', (visit) => {
    assert.equal(visit.query.id, 0);
    assert.equal(visit.bytes.length % 128, 0);
    return run(visit);
  });
  const server: IServer = { address: '192.0.2.53', port: 443, protocol: 'https' };
  assert.equal((await ask(internet, forward(server))).records.length, 1);
  const dead = await ask(internet, forward({ ...server, address: '192.0.2.54' }));
  assert.equal(dead.rcode, 'SERVFAIL');
  assert.equal(internet.clock.timerCount, 0);
});

/** Says what each name is, and wants its keys. */
function validatorOf(verdicts: Readonly<Record<string, 'secure' | 'bogus' | 'insecure'>>) {
  const asked: string[] = [];
  const validator: IValidator = {
    validate: async (name, type, { answer }, lookup) => {
      asked.push(`${nameKey(name)} ${type} ${answer.length}`);
      await lookup(parseName('x'), 48);
      const status = verdicts[nameKey(name)] ?? 'insecure';
      const error = status === 'bogus' ? { code: 6, text: 'told so' } : null;
      return { status, error, ttlS: 20.5 };
    },
  };
  return { validator, asked };
}

const key = (name: string) => nameKey(parseName(name));

test('Forwarder: with a validator each step is validated, and DO and CD are sent', async () => {
  const internet = new Internet();
  const run = upstream('www.x. 60 CNAME w.y.\n w.y. 30 A 192.0.2.1', { authenticatedData: true });
  internet.on('192.0.2.53', (visit) => {
    assert.ok(visit.query.checkingDisabled && visit.query.edns?.do);
    return run(visit);
  });
  const mode = forward(udp('192.0.2.53'));
  const cases = [
    [{ 'www.x': 'secure', 'w.y': 'secure' }, 'NOERROR', true],
    [{ 'www.x': 'secure', 'w.y': 'insecure' }, 'NOERROR', false],
    [{ 'www.x': 'secure', 'w.y': 'bogus' }, 'SERVFAIL', false],
    [{ 'www.x': 'bogus', 'w.y': 'secure' }, 'SERVFAIL', false],
  ] as const;
  for (const [names, rcode, authenticated] of cases) {
    const verdicts = Object.fromEntries(Object.entries(names).map(([n, v]) => [key(n), v]));
    const { validator, asked } = validatorOf(verdicts);
    const { resolver } = resolverIn(internet, { mode, validator });
    const outcome = await settle(internet, resolver.resolve('www.x', 'A'));
    assert.deepEqual([outcome.rcode, outcome.authenticated], [rcode, authenticated]);
    assert.equal(asked[0], `${key('www.x')} 5 1`);
    if (rcode === 'NOERROR') assert.equal(outcome.ttl, 20);
    else assert.deepEqual(outcome.extendedError, { code: 6, text: 'told so' });
    const options = { checkingDisabled: true };
    const raw = await settle(internet, resolver.resolve('www.x', 'A', options));
    assert.deepEqual([raw.rcode, raw.authenticated], ['NOERROR', false]);
  }
});

test('Forwarder: the random case of a question is in no name of the answer', async () => {
  const internet = new Internet();
  let sent = '';
  internet.on('192.0.2.53', (visit) => {
    sent = formatName(visit.query.question[0]?.name ?? Buffer.of(0));
    // As servers do whose names point into the question.
    return upstream(`${sent} 60 MX 10 in.${sent}`)(visit);
  });
  const { records: found } = await ask(
    internet,
    forward(udp('192.0.2.53')),
    'mailing.example',
    'MX',
  );
  assert.notEqual(sent, sent.toLowerCase());
  assert.deepEqual(
    found.map(({ name, data }) => [name, data]),
    [['mailing.example.', '10 in.mailing.example.']],
  );
});
