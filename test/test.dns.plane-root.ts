import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { readRootSource } from '../ts/dns/plane/root-source.ts';
import type { IDnsResolverOptions } from '../ts_interfaces/index.ts';
import { planeOf } from './dns/plane.ts';
import { temporaryFolder } from './suites/web.ts';

const ds = '. DS 20326 8 2 e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d';
const hints = `; as named.root
.  3600000 IN NS A.Root.Lab.
A.ROOT.LAB. 3600000 A 10.0.0.1
a.root.lab. 3600000 AAAA fd00::1
. NS b.root.lab.
b.root.lab. A 10.0.0.2
other.lab. A 10.0.0.9
`;

test('readRootSource() reads hints and anchors from files, relative to a folder', (context) => {
  const folder = temporaryFolder(context);
  writeFileSync(join(folder, 'hints'), hints);
  writeFileSync(join(folder, 'keys'), `; DS\n${ds}\nlab. IN DS 1 13 2 ${'ab'.repeat(32)}\n`);
  const read = readRootSource({ rootHints: 'hints', trustAnchors: 'keys' }, () => folder);
  assert.deepEqual(read.hints, [
    ['a.root.lab.', '10.0.0.1', 'fd00::1'],
    ['b.root.lab.', '10.0.0.2'],
  ]);
  assert.deepEqual(
    read.anchors?.map(({ zone, ds: { keyTag } }) => [zone.toString('latin1'), keyTag]),
    [
      ['\0', 20326],
      ['\x03lab\0', 1],
    ],
  );
});

test('readRootSource() takes them in place; a DNSKEY stands for its DS', () => {
  const key = `. DNSKEY 257 3 13 ${Buffer.alloc(64, 7).toString('base64')}`;
  const read = readRootSource(
    { rootHints: ['10.0.0.1', 'FD00::1'], trustAnchors: [key] },
    () => '/',
  );
  assert.deepEqual(read.hints, [
    ['.', '10.0.0.1'],
    ['.', 'fd00::1'],
  ]);
  assert.equal(read.anchors?.[0]?.ds.algorithm, 13);
  assert.deepEqual(
    readRootSource({}, () => '/'),
    { hints: undefined, anchors: undefined },
  );
});

const refusals: readonly {
  options: IDnsResolverOptions;
  path: string;
  text: RegExp;
  line?: number;
  why: string;
}[] = [
  { options: { rootHints: 'none' }, path: 'rootHints', text: /ENOENT/, why: 'no file' },
  { options: { rootHints: 'keys' }, path: 'rootHints', text: /NS records/, why: 'no hints' },
  {
    options: { rootHints: 'broken' },
    path: 'rootHints',
    text: /./,
    line: 2,
    why: 'no master file',
  },
  {
    options: { trustAnchors: 'hints' },
    path: 'trustAnchors',
    text: /DS or/,
    line: 2,
    why: 'hints',
  },
  { options: { trustAnchors: 'empty' }, path: 'trustAnchors', text: /DS or/, why: 'an empty file' },
  {
    options: { trustAnchors: [ds, '. A 1.2.3.4'] },
    path: 'trustAnchors[1]',
    text: /DS or/,
    why: 'A',
  },
  {
    options: { trustAnchors: [ds, '. DS 1'] },
    path: 'trustAnchors[1]',
    text: /./,
    why: 'half a DS',
  },
];

for (const { options, path, text, line, why } of refusals) {
  test(`readRootSource() refuses ${path}: ${why}`, (context) => {
    const folder = temporaryFolder(context);
    const files = { hints, keys: ds, empty: '', broken: '. NS a.\nthis is nothing\n' };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    assert.throws(
      () => readRootSource(options, () => folder),
      (error: unknown) => {
        assert.ok(error instanceof DcError && error.code === 'CONFIG_INVALID');
        const [problem] = error.problems;
        assert.equal(problem?.path, `dns.resolver.${path}`);
        assert.match(problem?.message ?? '', text);
        if (line !== undefined) assert.equal(problem?.line, line);
        return true;
      },
    );
  });
}

test('DnsPlane: a file of hints is read anew with every change of the options', async (context) => {
  const folder = temporaryFolder(context);
  const { plane } = await planeOf(context, { baseFolder: () => folder });
  const options = { listeners: {}, resolver: { mode: 'recurse', rootHints: 'hints' } } as const;
  await assert.rejects(plane.prepare(options), { code: 'CONFIG_INVALID' });
  writeFileSync(join(folder, 'hints'), hints);
  await plane.discard(await plane.prepare(options));
});
