import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { CidrSet, isCidr } from '../ts/net/cidr.ts';
import { randomFrom } from './suites/random.ts';

const random = randomFrom(42);

function randomV4(): string {
  return [random(4), random(3), random(256), random(256)].join('.');
}

function randomV6(): string {
  const groups = Array.from({ length: 8 }, () => random(random(2) ? 3 : 0x10000).toString(16));
  return ['2001', 'db8', ...groups.slice(2)].join(':');
}

const cases = [
  { cidrs: ['10.0.0.0/8'], ip: '10.255.255.255', contained: true },
  { cidrs: ['10.0.0.0/8'], ip: '11.0.0.0', contained: false },
  { cidrs: ['10.0.0.0/8'], ip: '9.255.255.255', contained: false },
  { cidrs: ['10.1.2.3/8'], ip: '10.0.0.0', contained: true },
  { cidrs: ['192.0.2.1'], ip: '192.0.2.1', contained: true },
  { cidrs: ['192.0.2.1'], ip: '192.0.2.2', contained: false },
  { cidrs: ['0.0.0.0/0'], ip: '255.255.255.255', contained: true },
  { cidrs: ['0.0.0.0/0'], ip: '::1', contained: false },
  { cidrs: ['255.255.255.255/32'], ip: '255.255.255.255', contained: true },
  { cidrs: ['128.0.0.0/1'], ip: '127.255.255.255', contained: false },
  { cidrs: ['10.0.0.0/8'], ip: '::ffff:10.1.1.1', contained: true },
  { cidrs: ['10.0.0.0/8'], ip: '::ffff:a01:101', contained: true },
  { cidrs: ['::ffff:10.0.0.0/104'], ip: '10.1.1.1', contained: true },
  { cidrs: ['::ffff:10.0.0.0/104'], ip: '11.1.1.1', contained: false },
  { cidrs: ['::ffff:0:0/96'], ip: '1.2.3.4', contained: true },
  { cidrs: ['::/0'], ip: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', contained: true },
  { cidrs: ['::/0'], ip: '::ffff:1.2.3.4', contained: false },
  { cidrs: ['::1'], ip: '0:0:0:0:0:0:0:1', contained: true },
  { cidrs: ['2001:db8::/33'], ip: '2001:db8:7fff:ffff::', contained: true },
  { cidrs: ['2001:db8::/33'], ip: '2001:db8:8000::', contained: false },
  { cidrs: ['fe80::/10'], ip: 'fe80::1%eth0', contained: true },
  { cidrs: ['10.0.0.0/8', '10.1.0.0/16'], ip: '10.2.0.0', contained: true },
  { cidrs: ['10.1.0.0/16', '10.0.0.0/8'], ip: '10.0.0.1', contained: true },
  { cidrs: ['10.0.0.0/16', '10.0.0.0/8'], ip: '10.1.0.0', contained: true },
  { cidrs: [], ip: '10.0.0.1', contained: false },
  { cidrs: ['0.0.0.0/0', '::/0'], ip: 'localhost', contained: false },
  { cidrs: ['0.0.0.0/0', '::/0'], ip: '', contained: false },
];

for (const { cidrs, ip, contained } of cases) {
  test(`CidrSet of [${cidrs}] ${contained ? 'has' : 'has not'} "${ip}"`, () => {
    assert.equal(new CidrSet(cidrs).contains(ip), contained);
  });
}

const bad = [
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/ 8',
  '10.0.0/8',
  '::/129',
  '::ffff:1.2.3.4/90',
  'fe80::1%eth0/64',
  'example.org',
  '',
  '/8',
];

for (const text of bad) {
  test(`isCidr() refuses "${text}"`, () => {
    assert.equal(isCidr(text), false);
  });
}

test('CidrSet: every text that is no CIDR is a problem', () => {
  assert.throws(
    () => new CidrSet(['10.0.0.0/8', 'x', '::1', '1.2.3.4/40']),
    (error) => {
      assert.ok(error instanceof DcError);
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.deepEqual(
        error.problems.map(({ path, value }) => [path, value]),
        [
          ['[1]', 'x'],
          ['[3]', '1.2.3.4/40'],
        ],
      );
      return true;
    },
  );
});

test('CidrSet says what BlockList says', () => {
  for (let round = 0; round < 40; round++) {
    const list = new BlockList();
    const cidrs: string[] = [];
    for (let count = random(60); count >= 0; count--) {
      const [v4, v4Prefix] = [randomV4(), 6 + random(27)];
      const [v6, v6Prefix] = [randomV6(), 30 + random(99)];
      list.addSubnet(v4, v4Prefix, 'ipv4');
      list.addSubnet(v6, v6Prefix, 'ipv6');
      cidrs.push(`${v4}/${v4Prefix}`, `${v6}/${v6Prefix}`);
    }
    const set = new CidrSet(cidrs);
    const edges = cidrs.map((cidr) => cidr.slice(0, cidr.indexOf('/')));
    for (const ip of [...edges, ...Array.from({ length: 200 }, randomV4)]) {
      const family = ip.includes(':') ? 'ipv6' : 'ipv4';
      assert.equal(set.contains(ip), list.check(ip, family), `${ip} in ${cidrs}`);
      if (family === 'ipv4') assert.equal(set.contains(`::ffff:${ip}`), list.check(ip, family));
    }
    for (let index = 0; index < 200; index++) {
      const ip = randomV6();
      assert.equal(set.contains(ip), list.check(ip, 'ipv6'), `${ip} in ${cidrs}`);
    }
  }
});

test('CidrSet: 100,000 ranges of each family', () => {
  const cidrs: string[] = [];
  for (let index = 0; index < 100_000; index++) {
    // Every second /24, every second /48.
    const [a, b, c] = [(index >> 15) + 1, (index >> 7) & 255, (index & 127) * 2];
    cidrs.push(
      `${a}.${b}.${c}.0/24`,
      `2001:${(index >> 8).toString(16)}:${(index & 255) * 2}::/48`,
    );
  }
  const set = new CidrSet(cidrs);
  assert.equal(set.size, 200_000);
  assert.equal(set.contains('1.0.0.255'), true);
  assert.equal(set.contains('1.0.1.0'), false);
  assert.equal(set.contains('2001:10:40::1'), true);
  assert.equal(set.contains('2001:10:41::1'), false);
  const start = performance.now();
  let found = 0;
  for (let index = 0; index < 100_000; index++) if (set.contains(`2.7.${index & 255}.9`)) found++;
  assert.equal(found, 50_000);
  // A scan would take minutes; 100 ms would still be slow.
  assert.ok(performance.now() - start < 1000);
});

const complaints = [
  ['fe80::1%eth0', /without a zone \("%eth0"\)/],
  ['10.0.0.0/33', /prefix length from 0 to 32/],
  ['2001:db8::/x', /prefix length from 0 to 128/],
  ['banana', /an address, or a range/],
] as const;

for (const [text, what] of complaints) {
  test(`CidrSet: "${text}" is refused with what would be right`, () => {
    assert.throws(
      () => new CidrSet([text]),
      (error) => error instanceof DcError && what.test(error.problems[0]?.message ?? ''),
    );
  });
}
