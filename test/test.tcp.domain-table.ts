import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainTable, type IDomainRule } from '../ts/proxy/tcp/domain-table.ts';
import { PortMap, portsOfSpans } from '../ts/proxy/tcp/ports.ts';

function rule(value: string, rest: Partial<IDomainRule<string>> = {}): IDomainRule<string> {
  const open = { domains: null, alpn: null, protocol: null, ports: null, asksForTls: false };
  return { ...open, ...rest, value };
}

function ports(...spans: [number, number][]): PortMap<true> {
  return new PortMap(spans.map(([from, to]) => [{ from, to }, true] as const));
}

test('tls(): exact, then wildcards from the longest on, then any name, then the protocol, then all', () => {
  const rules = [
    rule('all'),
    rule('tls', { protocol: 'tls' }),
    rule('any name', { domains: ['*'] }),
    rule('short', { domains: ['*.com'] }),
    rule('long', { domains: ['*.b.com'] }),
    rule('exact', { domains: ['a.b.com'] }),
  ];
  const orders = [rules, [...rules].reverse()];
  const cases: [string | null, string][] = [
    ['a.b.com', 'exact'],
    ['x.b.com', 'long'],
    ['x.a.b.com', 'long'],
    ['b.com', 'short'],
    ['com', 'any name'],
    ['', 'any name'],
    [null, 'tls'],
  ];
  for (const order of orders) {
    const table = new DomainTable(order);
    for (const [name, value] of cases) assert.equal(table.tls(name, [], 1), value, `${name}`);
    assert.equal(table.plain('http', 1), 'all');
  }
});

test('tls(): a config whose ports or ALPN do not fit gives way to a less specific one', () => {
  const table = new DomainTable([
    rule('ports', { domains: ['a.com'], ports: ports([10, 20], [30, 30]) }),
    rule('alpn', { domains: ['a.com'], alpn: ['x', 'y'] }),
    rule('wildcard', { domains: ['*.com'] }),
  ]);
  assert.equal(table.tls('a.com', [], 20), 'ports');
  assert.equal(table.tls('a.com', [], 30), 'ports');
  assert.equal(table.tls('a.com', [], 21), 'wildcard');
  assert.equal(table.tls('a.com', ['z', 'y'], 20), 'alpn');
  assert.equal(table.tls('a.com', ['z'], 9), 'wildcard');
  assert.equal(table.tls('b.org', [], 20), undefined);
});

test('needsBytes(): only where what comes first decides anything', () => {
  const table = new DomainTable([
    rule('http', { protocol: 'http', ports: ports([80, 80]) }),
    rule('web', { ports: ports([90, 90]), asksForTls: true }),
    rule('rest'),
  ]);
  assert.deepEqual(
    [80, 90, 100].map((port) => table.needsBytes(port)),
    [true, true, false],
  );
  assert.equal(table.direct(100), 'rest');
  assert.equal(new DomainTable([rule('a', { domains: ['a'] })]).needsBytes(1), true);
  assert.equal(new DomainTable([]).needsBytes(1), false);
});

test('100,000 names cost the same as one', () => {
  const names = Array.from({ length: 100_000 }, (_, index) => `h${index}.example${index % 97}.com`);
  const large = new DomainTable([
    ...names.map((name) => rule(name, { domains: [name] })),
    ...names.map((name) => rule(`*.${name}`, { domains: [`*.${name}`] })),
    rule('rest', { domains: ['*'] }),
  ]);
  const small = new DomainTable([
    rule('a', { domains: ['a.com'] }),
    rule('rest', { domains: ['*'] }),
  ]);
  assert.equal(large.tls('h77.example77.com', [], 1), 'h77.example77.com');
  assert.equal(large.tls('a.b.h77.example77.com', [], 1), '*.h77.example77.com');
  const asked = Array.from({ length: 20_000 }, (_, index) => `h${index * 5}.example.org`);
  const cost = (table: DomainTable<string>) => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const begin = performance.now();
      for (const name of asked) table.tls(name, [], 1);
      best = Math.min(best, performance.now() - begin);
    }
    return best;
  };
  cost(small);
  // A scan would be a hundred thousand times dearer; memory that is not in the cache is a few times.
  assert.ok(cost(large) < cost(small) * 60 + 20);
});

test('PortMap: single ports, ranges, and what comes first where they overlap', () => {
  const map = new PortMap([
    [{ from: 100, to: 200 }, 'a'],
    [{ from: 50, to: 150 }, 'b'],
    [{ from: 1, to: 300 }, 'c'],
    [{ from: 400, to: 400 }, 'd'],
  ]);
  const cases = [
    [0, undefined],
    [1, 'c'],
    [49, 'c'],
    [50, 'b'],
    [99, 'b'],
    [100, 'a'],
    [200, 'a'],
    [201, 'c'],
    [300, 'c'],
    [301, undefined],
    [400, 'd'],
    [65_535, undefined],
  ] as const;
  for (const [port, value] of cases) assert.equal(map.get(port), value, String(port));
});

test('portsOfSpans(): each port once, ascending', () => {
  assert.deepEqual(
    portsOfSpans([
      { from: 5, to: 7 },
      { from: 6, to: 8 },
      { from: 1, to: 1 },
    ]),
    [1, 5, 6, 7, 8],
  );
});
