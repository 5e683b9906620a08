import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureAdminToken } from '../ts/api/admin-token.ts';
import { BadTokenLimiter } from '../ts/api/bad-token-limiter.ts';
import type { INewToken } from '../ts/api/token-service.ts';
import { ManualClock } from '../ts/core/manual-clock.ts';
import type { ITokenInfo } from '../ts_interfaces/index.ts';
import { caller, makeControl, startApi } from './fixtures/control-plane.ts';
import { BreakableStore } from './suites/breakable-store.ts';

const base = '/api/v1/tokens';

function folder(context: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'dcrouter-api-'));
  context.after(() => rmSync(made, { recursive: true }));
  return made;
}

test('POST /tokens: the secret is shown once and stored as a hash only', async (context) => {
  const { call, store, url } = await startApi(context);
  const made = await call('POST', base, { name: 'deploy', scopes: ['write'] });
  assert.equal(made.status, 201);
  const { token, id } = made.body as INewToken;
  assert.match(token, /^dcr_[\w-]{43}$/);
  const stored = JSON.stringify(await store.entries('tokens'));
  assert.ok(!stored.includes(token) && !stored.includes(token.slice(4)));
  assert.match(stored, /sha256\$/);
  const list = await call('GET', base);
  assert.ok(!JSON.stringify(list.body).includes('sha256'));
  assert.equal((await caller(url, token)('GET', '/api/v1/routes')).status, 200);
  assert.equal((await call('DELETE', `${base}/${id}`)).status, 204);
  assert.equal((await caller(url, token)('GET', '/api/v1/routes')).status, 401);
  assert.equal((await call('DELETE', `${base}/${id}`)).status, 404);
});

test('scopes: read looks, write changes, admin also manages', async (context) => {
  const { as } = await startApi(context);
  const cases = [
    ['GET', '/api/v1/routes', 'read'],
    ['GET', '/api/v1/config', 'read'],
    ['GET', '/api/v1/openapi.json', 'read'],
    ['DELETE', '/api/v1/routes/x', 'write'],
    ['POST', '/api/v1/routes/x/backends/y/dead', 'write'],
    ['POST', '/api/v1/reload', 'admin'],
    ['GET', base, 'admin'],
    ['GET', '/api/v1/config/export?secrets=true', 'admin'],
  ] as const;
  const scopes = ['read', 'write', 'admin'] as const;
  for (const [level, scope] of scopes.entries()) {
    const call = await as(scope);
    for (const [method, address, needed] of cases) {
      const { status, headers } = await call(method, address);
      const allowed = level >= scopes.indexOf(needed);
      assert.equal(status !== 403, allowed, `${scope}: ${method} ${address} is ${status}`);
      if (!allowed && !address.includes('secrets')) {
        assert.match(headers.get('www-authenticate') ?? '', /insufficient_scope/);
      }
    }
  }
});

test('tokens expire, and the last admin token cannot be revoked', async (context) => {
  const { call, clock, url, control } = await startApi(context);
  const expiresAt = new Date(clock.now() + 60_000).toISOString();
  const { body } = await call('POST', base, { name: 'brief', scopes: ['admin'], expiresAt });
  const brief = caller(url, (body as INewToken).token);
  assert.equal((await brief('GET', base)).status, 200);
  clock.advance(60_000);
  assert.equal((await brief('GET', base)).status, 401);
  const [admin] = control.tokens.list();
  const refused = await call('DELETE', `${base}/${admin?.id}`);
  assert.equal(refused.status, 409);
  assert.equal((refused.body as { code: string }).code, 'LAST_ADMIN_TOKEN');
});

const wrong = [
  [{ name: '', scopes: ['read'] }, 'name'],
  [{ name: 'x', scopes: [] }, 'scopes'],
  [{ name: 'x', scopes: ['root'] }, 'scopes[0]'],
  [{ name: 'x', scopes: ['read'], expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
  [{ name: 'x', scopes: ['read'], expiresAt: 'tomorrow' }, 'expiresAt'],
  [{ name: 'x', scopes: ['read'], hash: 'x' }, 'hash'],
] as const;
for (const [input, place] of wrong) {
  test(`POST /tokens ${JSON.stringify(input)}: 422 at ${place}`, async (context) => {
    const { call } = await startApi(context);
    const { status, body } = await call('POST', base, input);
    assert.equal(status, 422);
    assert.equal((body as { problems: { path: string }[] }).problems[0]?.path, place);
  });
}

test('lastUsedAt is exact in the list, and written at most once a minute', async (context) => {
  const store = new BreakableStore();
  const { call, control, clock } = await startApi(context, { store });
  const storedUse = async () => {
    await control.tokens.settled();
    const [[, value] = []] = await store.entries('tokens');
    return (value as ITokenInfo | undefined)?.lastUsedAt;
  };
  await call('GET', base);
  const first = await storedUse();
  assert.equal(first, new Date(clock.now()).toISOString());
  clock.advance(59_000);
  const listed = (await call('GET', base)).body as { items: ITokenInfo[] };
  assert.equal(listed.items[0]?.lastUsedAt, new Date(clock.now()).toISOString());
  assert.equal(await storedUse(), first);
  clock.advance(1_000);
  await call('GET', base);
  assert.equal(await storedUse(), new Date(clock.now()).toISOString());
  store.failure = new Error('disk full');
  clock.advance(60_000);
  assert.equal((await call('GET', base)).status, 200, 'a store that fails denies nobody');
});

test('without a token, with a bad one, or in another scheme: 401 with a challenge', async (context) => {
  const { url } = await startApi(context);
  const nobody = caller(url, undefined);
  for (const address of [
    '/api/v1/routes',
    '/api/v1/openapi.json',
    '/nowhere',
    '/',
    '/api/v1/routes/a/b/c',
  ]) {
    const { status, headers } = await nobody('GET', address);
    assert.equal(status, 401, address);
    assert.equal(headers.get('www-authenticate'), 'Bearer realm="dcrouter"');
  }
  for (const authorization of [
    'Bearer',
    'Bearer x',
    'Basic eDp4',
    'Bearer dcr_x dcr_y',
    `Bearer ${'x'.repeat(2000)}`,
  ]) {
    const { status, headers } = await nobody('GET', '/api/v1/routes', undefined, { authorization });
    assert.equal(status, 401, authorization.slice(0, 20));
    assert.match(headers.get('www-authenticate') ?? '', /invalid_token/);
  }
});

test('20 bad tokens in a minute: then 429 with Retry-After; a good token still passes', async (context) => {
  const { url, call, clock } = await startApi(context);
  const guess = caller(url, 'dcr_guess');
  for (let count = 0; count < 20; count++) assert.equal((await guess('GET', base)).status, 401);
  clock.advance(10_000);
  const limited = await guess('GET', base);
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '50');
  assert.equal((await call('GET', base)).status, 200);
  clock.advance(50_000);
  assert.equal((await guess('GET', base)).status, 401);
});

test('BadTokenLimiter: an IPv6 network counts as one, and memory is bounded', () => {
  const limiter = new BadTokenLimiter(new ManualClock());
  for (let count = 0; count < 20; count++) limiter.count(`2001:db8:0:1::${count.toString(16)}`);
  assert.ok(limiter.count('2001:db8:0:1:ffff::1') > 0);
  assert.equal(limiter.count('2001:db8:0:2::1'), 0);
  for (let count = 0; count < 20; count++) limiter.count('10.0.0.1');
  assert.ok(limiter.count('10.0.0.1') > 0);
  for (let count = 0; count < 10_001; count++) limiter.count(`10.1.${count >> 8}.${count & 255}`);
  assert.equal(limiter.count('10.0.0.1'), 0, 'the oldest were forgotten');
});

test('ensureAdminToken(): once, for the owner alone, and it opens the door', async (context) => {
  const dataDir = path.join(folder(context), 'deep', 'data');
  const { control, store } = await makeControl();
  const file = await ensureAdminToken(control.tokens, dataDir);
  assert.equal(file, path.join(dataDir, 'admin-token'));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
  const secret = readFileSync(file, 'utf8').trim();
  assert.deepEqual(control.tokens.authenticate(secret)?.scopes, ['admin']);
  assert.equal(await ensureAdminToken(control.tokens, dataDir), undefined);
  await control.tokens.settled();
  await store.close();
  const restarted = await makeControl(store);
  assert.equal(await ensureAdminToken(restarted.control.tokens, dataDir), undefined);
  assert.ok(restarted.control.tokens.authenticate(secret));
});

test('ensureAdminToken(): no token when its file cannot be written', async (context) => {
  const blocked = path.join(folder(context), 'file');
  writeFileSync(blocked, '');
  const { control } = await makeControl();
  await assert.rejects(ensureAdminToken(control.tokens, blocked), { syscall: 'mkdir' });
  assert.deepEqual(control.tokens.list(), []);
});

test('ApiServer: api.json says where it is, as long as it is there', async (context) => {
  const dataDir = folder(context);
  const { api, url } = await startApi(context, { dataDir });
  const file = path.join(dataDir, 'api.json');
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).url, url);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await api.stop();
  assert.throws(() => statSync(file), { code: 'ENOENT' });
});

test('a stored token that cannot be understood is named, and locks nobody out', async (context) => {
  const { store, control, call } = await startApi(context);
  await store.write([{ collection: 'tokens', key: 'odd', value: { id: 'odd', hash: 'x' } }]);
  await control.load();
  const { body } = await call('GET', '/api/v1/status');
  const { problems } = body as { problems: { path: string }[] };
  assert.ok(problems.some((one) => one.path === 'tokens[odd].hash'));
});
