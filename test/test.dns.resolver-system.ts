import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { responseTo } from '../ts/dns/codec/message.ts';
import { NameError, parseName } from '../ts/dns/codec/name.ts';
import { Hosts } from '../ts/dns/resolver/hosts.ts';
import { createResolver } from '../ts/dns/resolver/index.ts';
import { parseResolvConf } from '../ts/dns/resolver/resolv-conf.ts';
import { WatchedFile } from '../ts/dns/resolver/watched-file.ts';
import { Internet, record, settle } from './dns/internet.ts';

test('parseResolvConf: reads what glibc reads, and leaves out what it does not know', () => {
  const text = `
# comment
; another
nameserver 192.0.2.1
nameserver	2001:DB8::1
nameserver not-an-address
nameserver 192.0.2.3
nameserver 192.0.2.4
domain old.example
search a.example  b.example .
options ndots:2 rotate trust-ad
options use-vc timeout:1 unknown:3
sortlist 10.0.0.0
`;
  assert.deepEqual(parseResolvConf(text), {
    servers: ['192.0.2.1', '2001:db8::1', '192.0.2.3'],
    search: ['a.example', 'b.example'],
    dotsMin: 2,
    rotates: true,
    usesTcp: true,
    trustsAd: true,
  });
  const empty = parseResolvConf('');
  assert.deepEqual([empty.servers, empty.search, empty.dotsMin], [[], [], 1]);
  assert.equal(parseResolvConf('options ndots:99').dotsMin, 15);
  assert.equal(parseResolvConf('options ndots:x').dotsMin, 1);
});

const asked = (name: string, type: number) => {
  return { name: parseName(name), type, checkingDisabled: false };
};

test('Hosts: names, aliases, families and reverse names', () => {
  const hosts = new Hosts(`
127.0.0.1 localhost
192.0.2.1	Box.Example box # comment
192.0.2.2 box
2001:db8::7 six
::ffff:192.0.2.9 mapped
# 192.0.2.3 hidden
not-an-address name
192.0.2.4 bad..name good
`);
  const datas = (name: string, type: number) => {
    const hex = hosts.answer(asked(name, type))?.answer.map(({ rdata }) => rdata.toString('hex'));
    return hex ?? null;
  };
  assert.deepEqual(datas('BOX', 1), ['c0000201', 'c0000202']);
  assert.deepEqual(datas('box.example', 1), ['c0000201']);
  assert.deepEqual(datas('box', 28), []);
  assert.equal(datas('box', 15), null);
  assert.deepEqual(datas('six', 28), ['20010db8000000000000000000000007']);
  assert.deepEqual(datas('mapped', 1), ['c0000209']);
  assert.deepEqual(datas('good', 1), ['c0000204']);
  for (const name of ['hidden', 'name', 'bad..name'.slice(0, 3)])
    assert.equal(datas(name, 1), null);
  const reverse = hosts.answer(asked('1.2.0.192.in-addr.arpa', 12))?.answer[0]?.rdata;
  assert.deepEqual(reverse, parseName('Box.Example'));
  const six = `7.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`;
  assert.deepEqual(hosts.answer(asked(six, 12))?.answer[0]?.rdata, parseName('six'));
});

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'dcrouter-resolver-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('WatchedFile: is read again when it has changed, and not more often', async (t) => {
  const file = path.join(folderOf(t), 'hosts');
  const clock = new ManualClock();
  const problems: Error[] = [];
  let reads = 0;
  const parse = (text: string): string => {
    reads++;
    return text;
  };
  const onProblem = (error: Error) => problems.push(error);
  const watched = new WatchedFile({ path: file, parse, clock, onProblem });
  assert.equal(await watched.current(), '');
  writeFileSync(file, 'one');
  assert.equal(await watched.current(), '');
  clock.advance(5000);
  assert.deepEqual(await Promise.all([watched.current(), watched.current()]), ['one', 'one']);
  clock.advance(5000);
  const before = reads;
  assert.equal(await watched.current(), 'one');
  assert.equal(reads, before);
  // As editors and resolvconf do it: the new file takes the place of the old one.
  writeFileSync(`${file}.new`, 'two');
  renameSync(`${file}.new`, file);
  clock.advance(5000);
  assert.equal(await watched.current(), 'two');
  rmSync(file);
  clock.advance(5000);
  assert.equal(await watched.current(), '');
  assert.deepEqual(problems, []);
});

test('WatchedFile: what cannot be read is told, and the old content stays', async (t) => {
  const folder = folderOf(t);
  const file = path.join(folder, 'x');
  const clock = new ManualClock();
  const problems: Error[] = [];
  writeFileSync(file, 'one');
  const parse = (text: string) => text;
  const onProblem = (error: Error) => problems.push(error);
  const watched = new WatchedFile({ path: file, parse, clock, onProblem });
  assert.equal(await watched.current(), 'one');
  rmSync(file);
  const { mkdirSync } = await import('node:fs');
  mkdirSync(file);
  clock.advance(5000);
  assert.equal(await watched.current(), 'one');
  assert.equal(problems.length, 1);
});

/** A system whose files say what they are given. */
function systemWith(context: TestContext, internet: Internet, resolvConf: string, hosts = '') {
  const folder = folderOf(context);
  const resolvConfPath = path.join(folder, 'resolv.conf');
  const hostsPath = path.join(folder, 'hosts');
  writeFileSync(resolvConfPath, resolvConf);
  writeFileSync(hostsPath, hosts);
  const { resolver } = createResolver({
    mode: { type: 'system', resolvConfPath },
    hostsPath,
    transport: internet,
    clock: internet.clock,
  });
  return { resolver, resolvConfPath, hostsPath };
}

/** A server that knows one name. */
function knowing(internet: Internet, address: string, name: string, ip: string): void {
  internet.on(address, ({ query }) => {
    const isIt = query.question[0]?.name.toString('latin1').toLowerCase();
    const wanted = parseName(name).toString('latin1');
    const reply = { ...responseTo(query, 0), recursionAvailable: true, authenticatedData: true };
    const soa = record('. 60 SOA a. b. 1 1 1 1 60');
    if (isIt !== wanted) return { ...reply, rcode: 3, authority: [soa] };
    return { ...reply, answer: [record(`${name}. 60 A ${ip}`)] };
  });
}

test('SystemSource: asks the servers of the file, in their order, and follows its changes', async (t) => {
  const internet = new Internet();
  knowing(internet, '192.0.2.1', 'a.example', '192.0.2.11');
  knowing(internet, '192.0.2.2', 'a.example', '192.0.2.22');
  const system = systemWith(t, internet, 'nameserver 192.0.2.1\nnameserver 192.0.2.2\n');
  const first = await settle(internet, system.resolver.resolve('a.example', 'A'));
  assert.deepEqual([first.records[0]?.data, first.authenticated], ['192.0.2.11', false]);
  assert.deepEqual(internet.asked('192.0.2.2'), []);
  writeFileSync(system.resolvConfPath, 'nameserver 192.0.2.2\noptions trust-ad\n');
  internet.clock.advance(5000);
  await settle(internet, system.resolver.resolve('other.example', 'A'));
  const second = await settle(internet, system.resolver.resolve('a.example', 'A'));
  assert.deepEqual([second.records[0]?.data, second.authenticated], ['192.0.2.22', true]);
});

test('Resolver: search domains complete short names, when asked to', async (t) => {
  const internet = new Internet();
  knowing(internet, '192.0.2.1', 'db.two.example', '192.0.2.5');
  const conf = 'nameserver 192.0.2.1\nsearch one.example two.example\n';
  const { resolver } = systemWith(t, internet, conf);
  const found = await settle(internet, resolver.resolve('db', 'A', { search: true }));
  assert.equal(found.records[0]?.name, 'db.two.example.');
  const names = internet.seen.map(({ name }) => name);
  assert.deepEqual(names, ['db.one.example.', 'db.two.example.']);
  assert.equal((await settle(internet, resolver.resolve('db', 'A'))).rcode, 'NXDOMAIN');
  const absolute = await settle(internet, resolver.resolve('db.', 'A', { search: true }));
  assert.equal(absolute.rcode, 'NXDOMAIN');
});

test('Resolver: the hosts file comes first, and its changes are seen', async (t) => {
  const internet = new Internet();
  knowing(internet, '192.0.2.1', 'box.example', '192.0.2.5');
  const hosts = '192.0.2.99 box.example';
  const system = systemWith(t, internet, 'nameserver 192.0.2.1', hosts);
  const own = await settle(internet, system.resolver.resolve('BOX.example', 'A'));
  assert.deepEqual([own.records[0]?.data, own.origin], ['192.0.2.99', 'local']);
  writeFileSync(system.hostsPath, '');
  internet.clock.advance(5000);
  const dns = await settle(internet, system.resolver.resolve('box.example', 'A'));
  assert.deepEqual([dns.records[0]?.data, dns.origin], ['192.0.2.5', 'network']);
});

test('Resolver: IDNA, and names and types that are none', async (t) => {
  const internet = new Internet();
  knowing(internet, '192.0.2.1', 'xn--bcher-kva.example', '192.0.2.5');
  const { resolver } = systemWith(t, internet, 'nameserver 192.0.2.1');
  const idna = await settle(internet, resolver.resolve('bücher.example', 'A'));
  assert.equal(idna.records.length, 1);
  for (const name of ['a..b', '', `${'a'.repeat(64)}.x`, 'a.'.repeat(128)]) {
    await assert.rejects(resolver.resolve(name, 'A'), NameError, name);
  }
  await assert.rejects(resolver.resolve('a.x', 'NONSENSE'), RangeError);
});
