import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { hashPassword, hashToken, newToken } from '../ts/core/credentials.ts';
import { DcError } from '../ts/core/errors.ts';
import { silentLogger } from '../ts/core/logger.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { BasicAccess, parseBasic } from '../ts/proxy/access/basic.ts';
import { BearerAccess } from '../ts/proxy/access/bearer.ts';
import { AuthProviders, compileAccess } from '../ts/proxy/access/index.ts';
import { PasswordVerifier } from '../ts/proxy/access/password-verifier.ts';
import { RecentMap } from '../ts/proxy/access/recent-map.ts';
import type { IAuth } from '../ts_interfaces/index.ts';
import { authRequest, short } from './suites/access.ts';

type TBasic = Extract<IAuth, { type: 'basic' }>;

let passwordHash = '';
before(async () => {
  passwordHash = await hashPassword('pass:wörd');
});

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** A verifier whose passwords are their own hashes, which counts and ends when the test says so. */
function manualVerifier(clock = new ManualClock()) {
  const running: { password: string; end: () => void; fail: () => void }[] = [];
  const asked: string[] = [];
  const verifier = new PasswordVerifier(clock, (password, hash) => {
    asked.push(password);
    return new Promise((resolve, reject) => {
      running.push({
        password,
        end: () => resolve(password === hash),
        fail: () => reject(new Error('scrypt failed')),
      });
    });
  });
  const endAll = async () => {
    while (running.length > 0) {
      running.shift()?.end();
      await settled();
    }
  };
  return { clock, verifier, running, asked, endAll };
}

/** Until all promise reactions that are due have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('basic: lets the right password pass, and only that', async () => {
  const auth: TBasic = { type: 'basic', users: [{ name: 'ann', passwordHash }], realm: 'a "b"' };
  const access = new BasicAccess(auth, new PasswordVerifier(new ManualClock()));
  const check = async (authorization?: string) => access.check(authRequest(), authorization);
  assert.equal(short(await check(basic('ann', 'pass:wörd'))), 'allow');
  assert.equal(short(await check(basic('ann', 'pass:word'))), '401');
  assert.equal(short(await check(basic('bob', 'pass:wörd'))), '401');
  const refusal = await check();
  assert.equal(refusal.status, 401);
  assert.deepEqual(refusal.headers, {
    'www-authenticate': 'Basic realm="a \\"b\\"", charset="UTF-8"',
  });
});

const parsed = [
  { value: basic('a', 'b:c'), expected: { name: 'a', password: 'b:c' }, why: 'first colon' },
  { value: basic('', ''), expected: { name: '', password: '' }, why: 'both may be empty' },
  { value: 'bASIC  YTpi', expected: { name: 'a', password: 'b' }, why: 'case, spaces' },
  { value: 'Basic YTpi ', expected: { name: 'a', password: 'b' }, why: 'space behind' },
  { value: basic('e\u0301', 'x'), expected: { name: 'é', password: 'x' }, why: 'NFC names' },
  { value: 'Basic YTo', expected: { name: 'a', password: '' }, why: 'padding is optional' },
  { value: 'Basic', expected: undefined, why: 'no credentials' },
  { value: 'Basic ', expected: undefined, why: 'no credentials' },
  { value: 'BasicYTpi', expected: undefined, why: 'no space' },
  { value: 'Bearer YTpi', expected: undefined, why: 'another scheme' },
  { value: 'Basic YTpi, Basic YTpi', expected: undefined, why: 'two of them' },
  { value: 'Basic YT-_', expected: undefined, why: 'not the base64 alphabet' },
  { value: 'Basic YWI=', expected: undefined, why: 'no colon' },
  { value: basic('a\n', 'b'), expected: undefined, why: 'a control character' },
  { value: basic('a', '\x00'), expected: undefined, why: 'a control character' },
  {
    value: `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`,
    expected: undefined,
    why: 'not UTF-8',
  },
];
for (const { value, expected, why } of parsed) {
  test(`parseBasic() of ${JSON.stringify(value)}: ${why}`, () => {
    assert.deepEqual(parseBasic(value), expected);
  });
}

test('parseBasic() of a long hostile value ends at once', () => {
  assert.equal(parseBasic(`Basic ${' '.repeat(30_000)}!`), undefined);
  assert.equal(parseBasic(`Basic ${'='.repeat(30_000)}`), undefined);
});

test('basic: a right password is remembered for a minute and then answered at once', async () => {
  const { clock, verifier, asked, endAll } = manualVerifier();
  const access = new BasicAccess(
    { type: 'basic', users: [{ name: 'ann', passwordHash: 'secret' }] },
    verifier,
  );
  const check = () => access.check(authRequest(), basic('ann', 'secret'));
  const first = check();
  assert.ok(first instanceof Promise);
  await endAll();
  assert.equal(short(await first), 'allow');
  clock.advance(59_999);
  const second = check();
  assert.ok(!(second instanceof Promise));
  assert.equal(second.allow, true);
  assert.equal(asked.length, 1);
  clock.advance(1);
  assert.ok(check() instanceof Promise);
});

test('basic: a wrong password is never remembered to be right, a changed hash forgets', async () => {
  const { verifier, asked, endAll } = manualVerifier();
  const verdictFor = async (passwordHash: string, name: string, password: string) => {
    const auth: TBasic = { type: 'basic', users: [{ name: 'ann', passwordHash }] };
    const access = new BasicAccess(auth, verifier);
    const verdict = access.check(authRequest(), basic(name, password));
    await endAll();
    return short(await verdict);
  };
  assert.equal(await verdictFor('secret', 'ann', 'wrong'), '401');
  assert.equal(await verdictFor('secret', 'ann', 'wrong'), '401');
  assert.equal(asked.length, 2);
  assert.equal(await verdictFor('secret', 'ann', 'secret'), 'allow');
  assert.equal(await verdictFor('changed', 'ann', 'secret'), '401');
  assert.equal(asked.length, 4);
});

test('basic: an unknown name is verified like a known one, and never passes', async () => {
  const { verifier, asked, endAll } = manualVerifier();
  const access = new BasicAccess(
    { type: 'basic', users: [{ name: 'ann', passwordHash: 'secret' }] },
    verifier,
  );
  for (let round = 0; round < 2; round++) {
    const verdict = access.check(authRequest(), basic('bob', 'secret'));
    await endAll();
    assert.equal(short(await verdict), '401');
  }
  assert.equal(asked.length, 1);
});

test('basic: without users nobody passes', async () => {
  const access = new BasicAccess(
    { type: 'basic', users: [] },
    new PasswordVerifier(new ManualClock()),
  );
  assert.equal(short(await access.check(authRequest(), basic('', ''))), '401');
});

test('basic: when scrypt fails the answer is 503', async () => {
  const { verifier, running } = manualVerifier();
  const access = new BasicAccess(
    { type: 'basic', users: [{ name: 'ann', passwordHash: 'secret' }] },
    verifier,
  );
  const verdict = access.check(authRequest(), basic('ann', 'secret'));
  running[0]?.fail();
  assert.equal(short(await verdict), '503');
});

test('PasswordVerifier: two run at once, equal ones together, 256 wait, then it is busy', async () => {
  const { verifier, running, asked, endAll } = manualVerifier();
  const same = [verifier.check('p0', 'p0'), verifier.check('p0', 'p0')];
  const others = Array.from({ length: 257 }, (_, index) => verifier.check(`p${index + 1}`, 'x'));
  assert.equal(running.length, 2);
  assert.equal(verifier.check('one too many', 'x'), 'busy');
  assert.ok(verifier.check('p5', 'x') instanceof Promise, 'it waits already');
  await endAll();
  assert.deepEqual(await Promise.all(same), ['right', 'right']);
  assert.equal(
    (await Promise.all(others)).every((verdict) => verdict === 'wrong'),
    true,
  );
  assert.equal(asked.length, 258);
  const next = verifier.check('one too many', 'one too many');
  await endAll();
  assert.equal(await next, 'right');
});

test('RecentMap: keeps the recently used, for a while', () => {
  const clock = new ManualClock();
  const recent = new RecentMap<number>(2, 1000, clock);
  recent.set('a', 1);
  recent.set('b', 2);
  assert.equal(recent.get('a'), 1);
  recent.set('c', 3);
  assert.deepEqual([recent.get('a'), recent.get('b'), recent.get('c')], [1, undefined, 3]);
  clock.advance(1000);
  assert.deepEqual([recent.get('a'), recent.get('c'), recent.size], [undefined, undefined, 0]);
});

test('bearer: lets known tokens pass; challenges tell missing from invalid', () => {
  const [one, two] = [newToken(), newToken()];
  const tokenHashes = [hashToken(one), hashToken(two).replace(/\$.*/, (hex) => hex.toUpperCase())];
  const access = new BearerAccess({ type: 'bearer', tokenHashes });
  const check = (authorization?: string) => access.check(authRequest(), authorization);
  assert.equal(check(`Bearer ${one}`).allow, true);
  assert.equal(check(`bearer  ${two} `).allow, true);
  const missing = { 'www-authenticate': 'Bearer realm="restricted"' };
  const invalid = { 'www-authenticate': 'Bearer realm="restricted", error="invalid_token"' };
  for (const value of [undefined, '', 'Basic YTpi', `Bearer${one}`]) {
    assert.deepEqual([check(value).status, check(value).headers], [401, missing], value);
  }
  for (const value of ['Bearer', 'Bearer ', 'Bearer x', `Bearer ${one}x`, `Bearer ${one}, x`]) {
    assert.deepEqual([check(value).status, check(value).headers], [401, invalid], value);
  }
});

test('bearer: the hash itself is no token', () => {
  const hash = hashToken('token');
  const access = new BearerAccess({ type: 'bearer', tokenHashes: [hash] });
  assert.equal(access.check(authRequest(), `Bearer ${hash.slice(7)}`).allow, false);
});

test('compileAccess(): null without auth; unknown providers are refused by name', () => {
  const providers = new AuthProviders({
    clock: new ManualClock(),
    logger: silentLogger,
    functions: { mine: () => true },
  });
  assert.equal(compileAccess({ id: 'r' }, providers), null);
  assert.throws(
    () => compileAccess({ id: 'r', authProvider: 'yours' }, providers),
    (error) =>
      error instanceof DcError &&
      error.code === 'ROUTE_INVALID' &&
      error.problems[0]?.path === 'authProvider' &&
      error.problems[0].message.includes('"mine"'),
  );
});

test('compileAccess(): with credentials and a provider, both have to allow', async () => {
  const asked: string[] = [];
  const providers = new AuthProviders({
    clock: new ManualClock(),
    logger: silentLogger,
    functions: {
      mine: ({ uri }) => {
        asked.push(uri);
        return uri === '/good' ? { allow: true, headers: { 'X-User': 'ann' } } : false;
      },
    },
  });
  const auths: { auth: IAuth; good: string; bad: string }[] = [
    {
      auth: { type: 'bearer', tokenHashes: [hashToken('t')] },
      good: 'Bearer t',
      bad: 'Bearer u',
    },
    {
      auth: { type: 'basic', users: [{ name: 'ann', passwordHash }] },
      good: basic('ann', 'pass:wörd'),
      bad: basic('ann', 'x'),
    },
  ];
  for (const { auth, good, bad } of auths) {
    const access = compileAccess({ id: 'r', auth, authProvider: 'mine' }, providers);
    const check = async (uri: string, authorization: string) =>
      access?.check(authRequest({ uri }), authorization);
    assert.deepEqual(await check('/good', good), { allow: true, headers: { 'x-user': 'ann' } });
    assert.equal((await check('/bad', good))?.allow, false);
    assert.equal((await check('/secret', bad))?.status, 401);
  }
  assert.equal(asked.includes('/secret'), false);
});
