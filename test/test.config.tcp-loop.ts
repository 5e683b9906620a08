import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTcpEntry } from '../ts/config/parse.ts';
import { DcError } from '../ts/core/errors.ts';
import type { TPortProxyInput } from '../ts_interfaces/index.ts';

/** Paths of the problems of an entry. */
function pathsOf(entry: TPortProxyInput): string[] {
  try {
    parseTcpEntry(entry);
    return [];
  } catch (error) {
    assert.ok(error instanceof DcError);
    return error.problems.map(({ path }) => path);
  }
}

const cases: { name: string; entry: TPortProxyInput; paths: string[] }[] = [
  { name: 'its own port', entry: { fromPort: 5000, toPort: '127.0.0.1:5000' }, paths: ['toPort'] },
  { name: 'its own port by number', entry: { fromPort: 5000, toPort: 5000 }, paths: ['toPort'] },
  {
    name: 'a port of its ranges',
    entry: { globalPortRanges: [{ from: 5000, to: 5010 }], toPort: 'localhost:5004' },
    paths: ['toPort'],
  },
  { name: 'the same port here', entry: { fromPort: 5000, toPort: 'localhost' }, paths: ['toPort'] },
  {
    name: 'its own address',
    entry: { address: '::1', fromPort: 5000, toPort: '[::1]:5000' },
    paths: ['toPort'],
  },
  {
    name: 'a backend and a domain config',
    entry: {
      fromPort: 5000,
      backends: [{ hostname: '127.0.0.1', port: 5000 }],
      domainConfigs: [{ domains: ['a.example'], toPort: '127.0.0.1:5000' }],
    },
    paths: ['backends[0].hostname', 'domainConfigs[0].toPort'],
  },
  {
    name: 'the same port of another address',
    entry: { address: '192.0.2.1', fromPort: 5000, toPort: '127.0.0.1:5000' },
    paths: [],
  },
  { name: 'another port', entry: { fromPort: 5000, toPort: '127.0.0.1:5001' }, paths: [] },
  { name: 'another host', entry: { fromPort: 5000, toPort: '10.0.0.1:5000' }, paths: [] },
  {
    name: 'itself, switched off',
    entry: { enabled: false, fromPort: 5000, toPort: 5000 },
    paths: [],
  },
];

for (const { name, entry, paths } of cases) {
  test(`parseTcpEntry(): an entry that leads to ${name} is ${paths.length > 0 ? 'refused' : 'fine'}`, () => {
    assert.deepEqual(pathsOf(entry), paths);
  });
}
