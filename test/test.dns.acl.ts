import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { Acl } from '../ts/dns/zones/acl.ts';
import { TsigKeys, tsigKeyName } from '../ts/dns/zones/tsig-keys.ts';

const lists = {
  get: (name: string) =>
    name === 'office' ? { contains: (ip: string) => ip === '10.9.9.9' } : undefined,
};
const cases = [
  { entries: [], from: '10.1.2.3', key: 'k', is: false, why: 'nobody is in an empty one' },
  {
    entries: ['10.0.0.0/8'],
    from: '10.1.2.3',
    key: null,
    is: true,
    why: 'an address of a network',
  },
  { entries: ['10.0.0.0/8'], from: '::ffff:10.1.2.3', key: null, is: true, why: 'in any form' },
  { entries: ['10.0.0.0/8'], from: '11.1.2.3', key: 'k', is: false, why: 'a key opens no address' },
  { entries: ['2001:db8::1'], from: '2001:DB8:0::1', key: null, is: true, why: 'IPv6' },
  { entries: ['any'], from: '198.51.100.1', key: null, is: true, why: 'everybody' },
  { entries: ['key:k'], from: '198.51.100.1', key: 'k', is: true, why: 'a key from everywhere' },
  {
    entries: ['key:K.'],
    from: '198.51.100.1',
    key: 'k',
    is: true,
    why: 'names of keys in any case',
  },
  { entries: ['key:k'], from: '198.51.100.1', key: null, is: false, why: 'no key' },
  { entries: ['key:k', 'key:l'], from: '198.51.100.1', key: 'l', is: true, why: 'one of two keys' },
  {
    entries: ['any', 'key:k'],
    from: '198.51.100.1',
    key: null,
    is: false,
    why: 'everybody with a key',
  },
  { entries: ['10.0.0.0/8', 'key:k'], from: '10.1.2.3', key: 'k', is: true, why: 'both' },
  {
    entries: ['10.0.0.0/8', 'key:k'],
    from: '10.1.2.3',
    key: null,
    is: false,
    why: 'the address alone',
  },
  { entries: ['10.0.0.0/8', 'key:k'], from: '11.1.2.3', key: 'k', is: false, why: 'the key alone' },
  { entries: ['@office'], from: '10.9.9.9', key: null, is: true, why: 'a list' },
  { entries: ['@home', '@office'], from: '10.9.9.8', key: null, is: false, why: 'in no list' },
  {
    entries: ['@home', 'key:k'],
    from: '10.9.9.9',
    key: 'k',
    is: false,
    why: 'a list that is not there is empty',
  },
];

for (const { entries, from, key, is, why } of cases) {
  test(`Acl [${entries}] for ${from} with ${key}: ${why}`, () => {
    const acl = new Acl(entries, lists);
    assert.equal(acl.allows(from, key), is);
  });
}

test('Acl refuses what is no address', () => {
  assert.throws(() => new Acl(['10.0.0.0/33']), { code: 'CONFIG_INVALID' });
});

test('TsigKeys finds a key by its name in any form', () => {
  const keys = new TsigKeys({
    'Mover.Example': { secret: Buffer.alloc(16, 1).toString('base64') },
  });
  const key = keys.named('mover.example.');
  assert.ok(key);
  assert.equal(key.algorithm, 'hmac-sha256');
  assert.equal(keys.of(parseName('MOVER.example.')), key);
  assert.equal(keys.of(parseName('other.')), undefined);
  assert.equal(tsigKeyName(key), 'mover.example');
});
