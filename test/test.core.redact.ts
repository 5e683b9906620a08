import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hashPassword, hashToken, newToken } from '../ts/core/credentials.ts';
import { DcError } from '../ts/core/errors.ts';
import { isSecretName, redact, redacted, redactText } from '../ts/core/redact.ts';

const secretNames = [
  'key',
  'KEY',
  'password',
  'clientPassword',
  'secret',
  'client_secret',
  'token',
  'accessToken',
  'Authorization',
  'Proxy-Authorization',
  'Cookie',
  'Set-Cookie',
  'passwordHash',
  'tokenHashes',
  'x-api-key',
  'privateKey',
];

for (const name of secretNames) {
  test(`redact(): the value of "${name}" is a secret`, () => {
    assert.deepEqual(redact({ a: { [name]: ['x'] } }), { a: { [name]: redacted } });
  });
}

for (const name of ['tokenId', 'keyId', 'monkey', 'cert', 'vHost', 'routeId', 'keepAliveMax']) {
  test(`redact(): the value of "${name}" is none`, () => {
    assert.equal(isSecretName(name), false);
  });
}

test('redactText(): secrets are found in the middle of a text', async () => {
  const key = readFileSync(
    new URL('./fixtures/certificates/ecdsa.key.pem', import.meta.url),
    'utf8',
  );
  const secrets = [
    key,
    key.slice(0, 100),
    newToken(),
    await hashPassword('secret'),
    hashToken('secret'),
  ];
  for (const secret of secrets) {
    assert.equal(redactText(`before ${secret}`).trimEnd(), `before ${redacted}`);
  }
  assert.equal(redactText('got Bearer abc.def-ghi_jkl here'), `got Bearer ${redacted} here`);
  assert.equal(redactText('basic dXNlcjpwYXNz'), `basic ${redacted}`);
  assert.equal(redactText('http://me:pw@host/p?q'), `http://${redacted}@host/p?q`);
  assert.equal(redactText('redis://:pw@host'), `redis://${redacted}@host`);
  assert.equal(redactText(`${key} and ${key} end`), `${redacted}\n and ${redacted}\n end`);
});

test('redactText(): what is no secret stays', () => {
  for (const text of [
    'http://host/@scope/x?mail=a@b.test',
    'a basic idea',
    'dcr_short',
    'the bearer of it',
    '',
  ]) {
    assert.equal(redactText(text), text);
  }
});

test('redactText(): hostile texts cost no time', () => {
  const start = performance.now();
  for (const part of ['-----BEGIN A-----', 'http://', 'bearer ', 'a://a', 'dcr_', '-----BEGIN ']) {
    redactText(part.repeat(1_000_000 / part.length));
  }
  assert.ok(performance.now() - start < 500);
});

test('redact(): every kind of value becomes JSON', () => {
  const data = redact({
    date: new Date(0),
    noDate: new Date(Number.NaN),
    map: new Map([['token', 1]]),
    set: new Set([1]),
    bytes: Buffer.from('secret'),
    url: new URL('http://a:b@host/'),
    expression: /x/,
    big: 10n,
    nan: Number.NaN,
    symbol: Symbol('s'),
    run: () => 1,
    none: undefined,
    nothing: null,
  });
  assert.deepEqual(JSON.parse(JSON.stringify(data)), {
    date: '1970-01-01T00:00:00.000Z',
    noDate: null,
    map: { token: redacted },
    set: [1],
    bytes: '[6 bytes]',
    url: `http://${redacted}@host/`,
    expression: '/x/',
    big: '10',
    nan: 'NaN',
    symbol: 'Symbol(s)',
    run: '[function]',
    nothing: null,
  });
});

test('redact(): errors tell their code and cause, the stack only of faults', () => {
  const system = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' });
  const failure = new DcError('STORE_FAILED', `Bearer ${'x'.repeat(20)}`, {
    cause: system,
    problems: [{ path: 'a.key', message: 'is bad' }],
  });
  assert.deepEqual(redact({ failure }), {
    failure: {
      name: 'DcError',
      message: `Bearer ${redacted}`,
      code: 'STORE_FAILED',
      problems: [{ path: 'a.key', message: 'is bad' }],
      cause: { name: 'Error', message: 'connect', code: 'ECONNREFUSED' },
    },
  });
  const { fault } = redact({ fault: new TypeError('x') }) as { fault: { stack: string } };
  assert.match(fault.stack, /test\.core\.redact/);
});

test('redact(): never throws and never ends up huge', () => {
  const cyclic: Record<string, unknown> = { list: [] };
  cyclic.self = cyclic;
  (cyclic.list as unknown[]).push(cyclic);
  let deep: Record<string, unknown> = {};
  for (let depth = 0; depth < 10_000; depth++) deep = { deep };
  const twice = { a: 1 };
  const data = redact({
    cyclic,
    deep,
    twice: [twice, twice],
    long: 'x'.repeat(1_000_000),
    many: Array.from({ length: 100_000 }, (_, index) => index),
    wide: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`n${index}`, index])),
    getter: {
      get broken(): string {
        throw new Error('no');
      },
    },
    proxy: new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
      },
    ),
    ['__proto__']: 1,
  });
  const text = JSON.stringify(data);
  assert.ok(text.length < 20_000, `${text.length} characters`);
  assert.deepEqual(data.cyclic, { list: ['[circular]'], self: '[circular]' });
  assert.deepEqual(data.twice, [{ a: 1 }, { a: 1 }]);
  assert.deepEqual(data.getter, { broken: '[unreadable]' });
  assert.equal(data.proxy, '[unreadable]');
});
