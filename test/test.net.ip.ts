import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import { canonicalIp, clientNetwork, isIp } from '../ts/net/ip.ts';
import { randomFrom } from './suites/random.ts';

const cases = [
  { text: '192.0.2.1', canonical: '192.0.2.1' },
  { text: '255.255.255.255', canonical: '255.255.255.255' },
  { text: '0.0.0.0', canonical: '0.0.0.0' },
  { text: '::ffff:192.0.2.1', canonical: '192.0.2.1' },
  { text: '::FFFF:c000:0201', canonical: '192.0.2.1' },
  { text: '0:0:0:0:0:ffff:1.2.3.4', canonical: '1.2.3.4' },
  { text: '::', canonical: '::' },
  { text: '::1', canonical: '::1' },
  { text: '1::', canonical: '1::' },
  { text: '2001:DB8:0:0:1:0:0:1', canonical: '2001:db8::1:0:0:1' },
  { text: '2001:db8:0:1:1:1:1:1', canonical: '2001:db8:0:1:1:1:1:1' },
  { text: '1:2:3:4:5:6:7::', canonical: '1:2:3:4:5:6:7:0' },
  { text: '::2:3:4:5:6:7:8', canonical: '0:2:3:4:5:6:7:8' },
  { text: '64:ff9b::192.0.2.33', canonical: '64:ff9b::c000:221' },
  { text: 'fe80::1%eth0', canonical: 'fe80::1' },
  { text: 'fe80::1%', canonical: undefined },
  { text: '01.2.3.4', canonical: undefined },
  { text: '1.2.3', canonical: undefined },
  { text: '1.2.3.4.5', canonical: undefined },
  { text: '1.2.3.256', canonical: undefined },
  { text: '1.2..4', canonical: undefined },
  { text: '1.2.3.4 ', canonical: undefined },
  { text: '1.2.3.4%eth0', canonical: undefined },
  { text: '1:2:3:4:5:6:7', canonical: undefined },
  { text: '1:2:3:4:5:6:7:8:9', canonical: undefined },
  { text: '1:2:3:4:5:6:7:8::', canonical: undefined },
  { text: '1::2::3', canonical: undefined },
  { text: ':::', canonical: undefined },
  { text: ':1', canonical: undefined },
  { text: '1:', canonical: undefined },
  { text: '12345::', canonical: undefined },
  { text: '::1.2.3.4:5', canonical: undefined },
  { text: '1:2:3:4:5:6:7:1.2.3.4', canonical: undefined },
  { text: '[::1]', canonical: undefined },
  { text: '', canonical: undefined },
  { text: ' ', canonical: undefined },
  { text: 'example.org', canonical: undefined },
];

for (const { text, canonical } of cases) {
  test(`canonicalIp() of "${text}" is ${canonical ?? 'none'}`, () => {
    assert.equal(canonicalIp(text), canonical);
    assert.equal(isIp(text), canonical !== undefined);
  });
}

test('isIp() says what net.isIP() says, for 200,000 near misses', () => {
  const random = randomFrom(1);
  const seeds = [...cases.map(({ text }) => text), '1:2:3:4:5:6:7:8', '1.2.3.4', '10.20.30.40'];
  const characters = '0123456789abcfFg:.%:.0';
  for (let round = 0; round < 200_000; round++) {
    let text = seeds[random(seeds.length)] as string;
    for (let changes = random(3); changes >= 0; changes--) {
      const at = random(text.length + 1);
      const character = characters.charAt(random(characters.length));
      text = text.slice(0, at) + character.repeat(random(2)) + text.slice(at + random(2));
    }
    assert.equal(isIp(text), isIP(text) !== 0, text);
  }
});

test('canonicalIp() writes IPv6 as URL does', () => {
  const random = randomFrom(2);
  for (let round = 0; round < 5000; round++) {
    const groups = Array.from({ length: 8 }, () => (random(2) ? 0 : random(0x10000)).toString(16));
    const text = groups.join(':');
    const expected = new URL(`http://[${text}]/`).hostname.slice(1, -1);
    if (!expected.startsWith('::ffff:')) assert.equal(canonicalIp(text), expected);
  }
});

test('clientNetwork() is the IPv4 address or the IPv6 /64', () => {
  assert.equal(clientNetwork('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(clientNetwork('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(clientNetwork('2001:db8:1:2:ffff::'), clientNetwork('2001:db8:1:2::1'));
  assert.equal(clientNetwork('unix'), 'unix');
});
