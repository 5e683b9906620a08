import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffOptions } from '../ts/config/diff.ts';
import { parseConfigText } from '../ts/config/file.ts';
import { placeProblems } from '../ts/config/item-problems.ts';
import { reuseItems } from '../ts/config/reuse.ts';
import { isSecretPath, maskSecrets, SECRET_MASK } from '../ts/config/secrets.ts';
import type { IDcRouterOptions, IDnsOptions } from '../ts_interfaces/index.ts';

const full: IDnsOptions = {
  listeners: { token: { port: 5300 }, dot: { port: 853, tls: { minVersion: 'TLSv1.2' } } },
  cookieSecret: 'S3CRET',
  keys: { key: { secret: 'S3CRET' }, secret: { algorithm: 'hmac-sha512', secret: 'S3CRET' } },
  resolver: { servers: ['https://name.example@192.0.2.1'] },
  zones: [
    {
      name: 'a.example',
      records: ['@ TXT x', { name: 'token', type: 'URI', data: 'https://user@host/' }],
      notify: [{ address: '::1', key: 'shown' }],
      update: [{ key: 'shown' }],
      transfer: ['key:shown'],
    },
    { name: 'a.example', view: 'in', primaries: [{ address: '::1', key: 'shown' }] },
    { name: 'c.example', file: 'c.zone' },
  ],
};

test('maskSecrets() masks keys and the cookie secret, and no name of a key', () => {
  const { dns } = maskSecrets({ dns: full });
  const text = JSON.stringify(dns);
  assert.doesNotMatch(text, /S3CRET/);
  assert.equal(text.split(SECRET_MASK).length - 1, 3);
  assert.deepEqual(dns?.zones, full.zones);
  assert.deepEqual(dns?.listeners, full.listeners);
  assert.deepEqual(dns?.resolver, full.resolver);
  assert.equal(dns?.keys?.secret?.algorithm, 'hmac-sha512');
  assert.ok(isSecretPath(['dns', 'keys', 'x', 'secret']));
  assert.ok(!isSecretPath(['dns', 'zones', 0, 'notify', 0, 'key']));
  assert.ok(!isSecretPath(['primaries', 0, 'key']), 'of a zone of the API');
});

function changed(change: (dns: IDnsOptions) => void): string[] {
  const after = structuredClone(full);
  change(after);
  return diffOptions({ dns: full }, { dns: after }).map((one) => {
    return `${one.effect} ${one.path}: ${JSON.stringify(one.before)} -> ${JSON.stringify(one.after)}`;
  });
}

test('diffOptions() tells zones apart by name and view, and of records what differs', () => {
  assert.deepEqual(
    changed(({ zones }) => void zones?.reverse()),
    [],
  );
  assert.deepEqual(
    changed(({ zones }) => {
      Object.assign(zones?.[0] ?? {}, { dnssec: true });
      zones?.[0]?.records?.splice(0, 1, '@ TXT y');
      zones?.splice(2, 1, { name: 'd.example', file: 'd.zone' });
    }),
    [
      'hot dns.zones[a.example].records: ["@ TXT x"] -> ["@ TXT y"]',
      'hot dns.zones[a.example].dnssec: undefined -> true',
      'hot dns.zones[c.example]: {"name":"c.example","file":"c.zone"} -> undefined',
      'hot dns.zones[d.example]: undefined -> {"name":"d.example","file":"d.zone"}',
    ],
  );
  // Another order of lines may mean another zone.
  assert.equal(changed(({ zones }) => void zones?.[0]?.records?.reverse()).length, 1);
});

test('diffOptions() says what a change of listeners and secrets takes', () => {
  assert.deepEqual(
    changed((dns) => {
      Object.assign(dns.listeners?.token ?? {}, { port: 53 });
      Object.assign(dns.listeners?.dot ?? {}, { tls: { defaultCertificate: 'x' } });
      Object.assign(dns.keys?.key ?? {}, { secret: 'S3CRET too' });
      dns.cookieSecret = 'S3CRET too';
      dns.nsid = 'x';
    }),
    [
      'restart-listener dns.listeners.token.port: 5300 -> 53',
      'restart-listener dns.listeners.dot.tls.minVersion: "TLSv1.2" -> undefined',
      'hot dns.listeners.dot.tls.defaultCertificate: undefined -> "x"',
      `hot dns.cookieSecret: "${SECRET_MASK}" -> "${SECRET_MASK} (changed)"`,
      `hot dns.keys.key.secret: "${SECRET_MASK}" -> "${SECRET_MASK} (changed)"`,
      'hot dns.nsid: undefined -> "x"',
    ],
  );
  const [whole, more] = diffOptions({}, { dns: full });
  assert.deepEqual([whole?.path, whole?.effect, more], ['dns', 'restart-listener', undefined]);
  assert.doesNotMatch(JSON.stringify(whole), /S3CRET/);
});

test('reuseItems() keeps the zones that mean the same', () => {
  const before: IDcRouterOptions = { dns: full };
  const after = structuredClone(before);
  Object.assign(after.dns?.zones?.[2] ?? {}, { file: 'other.zone' });
  const { options, changes } = reuseItems(before, after);
  assert.deepEqual(options, after);
  assert.deepEqual(
    changes.map(({ path }) => path),
    ['dns.zones[c.example].file'],
  );
  assert.equal(options.dns?.zones?.[0], full.zones?.[0]);
  assert.equal(options.dns?.zones?.[1], full.zones?.[1]);
});

test('placeProblems() finds the place of a zone in the file', async () => {
  const problems = [
    { path: 'zones[b.example@in].records[1]', message: 'Must be a record' },
    { path: 'zones[c.example].file', message: 'Must be a master file' },
  ];
  const zones = [{ name: 'a.example' }, { name: 'b.example', view: 'in' }];
  const items = { routes: [], certificates: [], zones };
  const text =
    'dns:\n  zones:\n    - {}\n    - name: B.example.\n      records:\n        - x\n        - y\n';
  const file = await parseConfigText(text, { file: 'x.yaml' });
  const [placed, foreign] = placeProblems(problems, items, file);
  assert.deepEqual([placed?.path, placed?.line], ['dns.zones[1].records[1]', 7]);
  assert.equal(foreign?.path, 'zones[c.example].file');
  assert.equal(placeProblems(problems, items, null)[0]?.path, 'dns.zones[b.example@in].records[1]');
});
