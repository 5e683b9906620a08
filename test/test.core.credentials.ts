import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hashPassword,
  hashToken,
  newToken,
  passwordHashProblem,
  verifyPassword,
  verifyToken,
} from '../ts/core/credentials.ts';

// RFC 7914 §12, third test vector.
const vectorKey =
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
  'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887';
const salt = Buffer.from('SodiumChloride').toString('base64url');
const key = Buffer.from(vectorKey, 'hex').toString('base64url');
const vector = `scrypt$16384$8$1$${salt}$${key}`;

test('hashPassword(): the hash fits its password and no other', async () => {
  const [hash, another] = await Promise.all([hashPassword('pässword'), hashPassword('pässword')]);
  assert.match(hash, /^scrypt\$16384\$8\$5\$[\w-]{22}\$[\w-]{43}$/);
  assert.notEqual(hash, another, 'each has its own salt');
  assert.equal(passwordHashProblem(hash), undefined);
  assert.deepEqual(
    await Promise.all([
      verifyPassword('pässword', hash),
      // The same word as other keyboards compose it.
      verifyPassword('pässword'.normalize('NFD'), hash),
      verifyPassword('pässwort', hash),
      verifyPassword('', hash),
    ]),
    [true, true, false, false],
  );
});

test('verifyPassword(): hashes of other programs, with other costs', async () => {
  assert.equal(await verifyPassword('pleaseletmein', vector), true);
  assert.equal(await verifyPassword('pleaseletmeout', vector), false);
});

const refused = [
  { hash: '', why: /form/ },
  { hash: 'secret', why: /form/ },
  { hash: hashToken('x'), why: /form/ },
  { hash: vector.replace('scrypt', 'bcrypt'), why: /form/ },
  { hash: `${vector}$`, why: /form/ },
  { hash: `${vector}${'A'.repeat(500)}`, why: /form/ },
  { hash: vector.replace('16384', '16383'), why: /power of two/ },
  { hash: vector.replace('16384', '1'), why: /power of two/ },
  { hash: vector.replace('16384', '-2'), why: /power of two/ },
  { hash: vector.replace('16384', '1e4'), why: /power of two/ },
  { hash: vector.replace('16384', '4294967296'), why: /256 MiB/ },
  { hash: vector.replace('$8$', '$4096$'), why: /256 MiB/ },
  { hash: vector.replace('$8$', '$0$'), why: /an r/ },
  { hash: vector.replace('$8$', '$x$'), why: /an r/ },
  { hash: vector.replace('$1$', '$0$'), why: /a p/ },
  { hash: vector.replace('$1$', '$17$'), why: /a p/ },
  { hash: vector.replace(salt, 'U29k'), why: /salt/ },
  { hash: vector.replace(salt, ''), why: /salt/ },
  { hash: vector.replace(salt, `${salt}+/=`), why: /salt/ },
  { hash: vector.replace(key, 'U29kaXVt'), why: /a hash/ },
];

for (const { hash, why } of refused) {
  test(`passwordHashProblem() of "${hash.slice(0, 60)}": ${why}`, async () => {
    assert.match(passwordHashProblem(hash) ?? 'none', why);
    assert.equal(await verifyPassword('pleaseletmein', hash), false);
  });
}

test('hashToken(), verifyToken(): SHA-256 in hex', () => {
  const hash = 'sha256$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(hashToken('abc'), hash);
  assert.equal(verifyToken('abc', hash), true);
  assert.equal(verifyToken('abd', hash), false);
  for (const other of [
    '',
    'sha256$',
    hash.slice(0, -1),
    `${hash}0`,
    hash.slice(7),
    'ü'.repeat(71),
  ]) {
    assert.equal(verifyToken('abc', other), false);
  }
});

test('newToken(): 256 bits, each time others', () => {
  const token = newToken();
  assert.match(token, /^dcr_[\w-]{43}$/);
  assert.notEqual(newToken(), token);
});
