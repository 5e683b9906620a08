import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ICertificateInfo } from '../ts_interfaces/index.ts';
import {
  certificateOf,
  type IAnswer,
  makeControl,
  startApi,
  takeIn,
} from './fixtures/control-plane.ts';

const base = '/api/v1/certificates';

function refused({ status, body }: IAnswer, expected: number, code: string): { path: string }[] {
  assert.equal(status, expected);
  const found = body as { code: string; problems: { path: string }[] };
  assert.equal(found.code, code);
  return found.problems;
}

test('POST /certificates: 201, then 200; served at once, stored, and the key never comes back', async (context) => {
  const { call, certificates, store } = await startApi(context);
  const made = await call('POST', base, { domain: 'WWW.example.test', ...certificateOf('ecdsa') });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal(made.headers.get('location'), `${base}/www.example.test`);
  const info = made.body as ICertificateInfo;
  assert.deepEqual([info.domain, info.origin, info.warnings], ['www.example.test', 'api', []]);
  assert.ok(!JSON.stringify(made.body).includes('PRIVATE KEY'));
  assert.ok(certificates.find('www.example.test'));
  assert.equal((await store.entries('certificates')).length, 1);
  const again = await call('POST', base, {
    domain: 'www.example.test',
    ...certificateOf('chain', 'ecdsa'),
  });
  assert.equal(again.status, 200);
  assert.deepEqual((await call('GET', `${base}/www.example.test`)).body, again.body);
  const list = (await call('GET', base)).body as { items: ICertificateInfo[]; total: number };
  assert.deepEqual([list.total, list.items[0]?.domain], [1, 'www.example.test']);
});

test('POST /certificates: refused by name, warned of by name', async (context) => {
  const { call, store } = await startApi(context);
  const send = (domain: string, cert: string, key = cert) =>
    call('POST', base, { domain, ...certificateOf(cert, key) });
  assert.equal(
    refused(await send('example.test', 'ecdsa', 'rsa'), 422, 'CERTIFICATE_INVALID')[0]?.path,
    'key',
  );
  assert.equal(
    refused(await send('expired.example.test', 'expired'), 422, 'CERTIFICATE_INVALID')[0]?.path,
    'cert',
  );
  assert.equal(
    refused(await send('other.test', 'ecdsa'), 422, 'CERTIFICATE_INVALID')[0]?.path,
    'domain',
  );
  refused(await call('POST', base, { domain: 'a.test' }), 422, 'CERTIFICATE_INVALID');
  refused(await call('POST', base, []), 422, 'CERTIFICATE_INVALID');
  assert.deepEqual(await store.entries('certificates'), []);
  const future = await send('future.example.test', 'future');
  assert.equal(future.status, 201);
  assert.match((future.body as ICertificateInfo).warnings.join(), /2119/);
});

test('DELETE /certificates/:domain: wildcards too; those of the file stay away', async (context) => {
  const { call, control, certificates, store } = await startApi(context);
  const wildcard = { domain: '*.example.test', ...certificateOf('wildcard') };
  takeIn(control, [], [wildcard]);
  const address = `${base}/${encodeURIComponent('*.example.test')}`;
  assert.equal(((await call('GET', address)).body as ICertificateInfo).origin, 'file');
  assert.equal((await call('DELETE', address)).status, 204);
  assert.equal(certificates.find('a.example.test'), undefined);
  refused(await call('DELETE', address), 404, 'CERTIFICATE_UNKNOWN');
  refused(await call('GET', `${base}/a%20b`), 404, 'CERTIFICATE_UNKNOWN');
  takeIn(control, [], [wildcard]);
  assert.equal(certificates.find('a.example.test'), undefined);

  await store.close();
  const restarted = await makeControl(store);
  takeIn(restarted.control, [], [wildcard]);
  assert.equal(restarted.certificates.find('a.example.test'), undefined);
});

test('a stored certificate that has expired since is disabled and named, not fatal', async (context) => {
  const { control, certificates, store, clock, call } = await startApi(context);
  const value = { domain: 'expired.example.test', ...certificateOf('expired') };
  await store.write([{ collection: 'certificates', key: 'expired.example.test', value }]);
  await control.load();
  takeIn(control);
  assert.equal(certificates.find('expired.example.test'), undefined);
  assert.ok(clock.now() > 0);
  const { body } = await call('GET', '/api/v1/status');
  const { problems } = body as { problems: { path: string; message: string }[] };
  assert.equal(problems[0]?.path, 'certificates[expired.example.test].cert');
  assert.match(problems[0]?.message ?? '', /expired/);
  assert.equal((await call('DELETE', `${base}/expired.example.test`)).status, 204);
  assert.deepEqual(await store.entries('certificates'), []);
});
