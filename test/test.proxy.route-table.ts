import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IRouteMatch, RouteTable } from '../ts/proxy/route-table.ts';
import type { IHeaderMatch, IPathMatch } from '../ts_interfaces/index.ts';
import { randomFrom } from './suites/random.ts';

interface IEntry extends IRouteMatch {
  paths: (string | IPathMatch)[] | undefined;
  methods: string[] | undefined;
  matchHeaders: IHeaderMatch[] | undefined;
}

function entry(id: string, vHost: string, rest: Partial<IEntry> = {}): IEntry {
  return {
    id,
    vHost,
    paths: undefined,
    methods: undefined,
    matchHeaders: undefined,
    priority: 0,
    ...rest,
  };
}

function tableOf(...entries: IEntry[]): RouteTable<IEntry> {
  const table = new RouteTable<IEntry>();
  for (const one of entries) table.add(one);
  return table;
}

function find(
  table: RouteTable<IEntry>,
  host: string,
  path = '/',
  method = 'GET',
  headers: Record<string, string> = {},
): string | undefined {
  return table.match(host, method, path, (name) => headers[name])?.id;
}

const hosts = tableOf(
  entry('exact', 'a.example.com'),
  entry('lab', '*.lab.example.com'),
  entry('example', '*.example.com'),
  entry('com', '*.com'),
);
const hostCases = [
  { host: 'a.example.com', id: 'exact', why: 'the exact host wins' },
  { host: 'b.example.com', id: 'example', why: 'a wildcard takes one label' },
  { host: 'x.y.example.com', id: 'example', why: 'a wildcard takes any depth' },
  { host: 'x.lab.example.com', id: 'lab', why: 'the longest wildcard wins' },
  { host: 'lab.example.com', id: 'example', why: 'a wildcard does not take its own suffix' },
  { host: 'example.com', id: 'com', why: 'a wildcard does not take its own suffix' },
  { host: 'x.slab.example.com', id: 'example', why: 'labels match, not characters' },
  { host: 'badexample.com', id: 'com', why: 'labels match, not characters' },
  { host: 'com', id: undefined, why: 'nothing fits' },
  { host: 'example.org', id: undefined, why: 'nothing fits' },
  { host: '', id: undefined, why: 'nothing fits' },
  { host: `${'x.'.repeat(4000)}example.com`, id: 'example', why: 'many labels cost nothing' },
];
for (const { host, id, why } of hostCases) {
  test(`RouteTable: host "${host.slice(0, 30)}": ${why}`, () => {
    assert.equal(find(hosts, host), id);
  });
}

test('RouteTable: * takes what no other host takes', () => {
  const table = tableOf(entry('all', '*'), entry('example', '*.example.com'));
  assert.equal(find(table, 'a.example.com'), 'example');
  assert.equal(find(table, 'example.com'), 'all');
  assert.equal(find(table, '[::1]'), 'all');
});

test('RouteTable: a host whose routes do not fit leaves the request to the next one', () => {
  const table = tableOf(
    entry('api', 'a.example.com', { paths: ['/api'] }),
    entry('get', '*.example.com', { methods: ['GET'] }),
    entry('all', '*'),
  );
  assert.equal(find(table, 'a.example.com', '/api'), 'api');
  assert.equal(find(table, 'a.example.com', '/'), 'get');
  assert.equal(find(table, 'a.example.com', '/', 'POST'), 'all');
});

const paths = [
  entry('root', 'h', { paths: ['/'] }),
  entry('api', 'h', { paths: ['/api'] }),
  entry('v1', 'h', { paths: ['/api/v1/'] }),
  entry('exact', 'h', { paths: [{ type: 'exact', path: '/api/v1' }] }),
  entry('none', 'h'),
];
const pathCases = [
  { path: '/', id: 'root', why: '/ is a prefix of every path' },
  { path: '/x', id: 'root', why: '/ is a prefix of every path' },
  { path: '/api', id: 'api', why: 'a prefix takes its own path' },
  { path: '/api/', id: 'api', why: 'a prefix takes its own path' },
  { path: '/api/x/y', id: 'api', why: 'a prefix takes what is below' },
  { path: '/apix', id: 'root', why: 'segments match, not characters' },
  { path: '/API', id: 'root', why: 'case counts' },
  { path: '/api/v1', id: 'exact', why: 'an exact path beats a prefix' },
  { path: '/api/v1/', id: 'v1', why: 'the longer prefix wins, its last slash does not count' },
  { path: '/api/v1/x', id: 'v1', why: 'the longer prefix wins' },
  { path: '/api/v12', id: 'api', why: 'segments match, not characters' },
  { path: '//api', id: 'root', why: 'empty segments are segments' },
  { path: '*', id: 'none', why: 'OPTIONS * has no path' },
  { path: `/api${'/'.repeat(8000)}`, id: 'api', why: 'many slashes cost nothing' },
  { path: `/${'a'.repeat(16_000)}`, id: 'root', why: 'a long segment costs nothing' },
];
for (const { path, id, why } of pathCases) {
  test(`RouteTable: path "${path.slice(0, 30)}": ${why}`, () => {
    assert.equal(find(tableOf(...paths), 'h', path), id);
    assert.equal(find(tableOf(...paths.toReversed()), 'h', path), id);
  });
}

test('RouteTable: a single route of a host obeys its conditions too', () => {
  const table = tableOf(
    entry('one', 'h', { paths: ['/a/', { type: 'exact', path: '/b' }], methods: ['GET'] }),
  );
  const found = (path: string, method = 'GET') => find(table, 'h', path, method) === 'one';
  assert.deepEqual(
    ['/a', '/a/', '/a/b', '/ab', '/b', '/b/', '/', '*'].map((path) => found(path)),
    [true, true, true, false, true, false, false, false],
  );
  assert.equal(found('/a', 'POST'), false);
});

test('RouteTable: headers match by presence, value or pattern, and all of them have to', () => {
  const table = tableOf(
    entry('all', 'h', {
      matchHeaders: [
        { name: 'X-Here' },
        { name: 'X-Value', value: 'Blue' },
        { name: 'X-Pattern', pattern: '^v[12]$' },
      ],
    }),
    entry('rest', 'h'),
  );
  const good = { 'x-here': '', 'x-value': 'Blue', 'x-pattern': 'v2' };
  assert.equal(find(table, 'h', '/', 'GET', good), 'all');
  const others: Record<string, string>[] = [
    { ...good, 'x-value': 'blue' },
    { ...good, 'x-pattern': 'v3' },
    { 'x-value': 'Blue', 'x-pattern': 'v2' },
    {},
  ];
  for (const bad of others) {
    assert.equal(find(table, 'h', '/', 'GET', bad), 'rest');
  }
});

test('RouteTable: headers are only asked for when a condition names them', () => {
  const table = tableOf(entry('a', 'h', { paths: ['/a'] }), entry('b', 'h'));
  const headerOf = () => assert.fail('asked for a header');
  assert.equal(table.match('h', 'GET', '/a', headerOf)?.id, 'a');
});

test('RouteTable: more conditions win at the same path, then the id', () => {
  const table = tableOf(
    entry('b', 'h', { methods: ['GET'] }),
    entry('a', 'h', { methods: ['GET'] }),
    entry('c', 'h', { methods: ['GET'], matchHeaders: [{ name: 'x' }] }),
    entry('0', 'h'),
  );
  assert.equal(find(table, 'h', '/', 'GET', { x: '1' }), 'c');
  assert.equal(find(table, 'h'), 'a');
  assert.equal(find(table, 'h', '/', 'PUT'), '0');
});

test('RouteTable: priority goes before the path, but not before the host', () => {
  const table = tableOf(
    entry('exact', 'h', { paths: [{ type: 'exact', path: '/a' }] }),
    entry('high', 'h', { paths: ['/'], priority: 5 }),
    entry('higher', 'h', { methods: ['POST'], priority: 6 }),
    entry('low', 'h', { paths: ['/a/b'], priority: -1 }),
    entry('all', '*', { priority: 100 }),
  );
  assert.equal(find(table, 'h', '/a'), 'high');
  assert.equal(find(table, 'h', '/a', 'POST'), 'higher');
  table.remove(table.match('h', 'GET', '/a', () => undefined) as IEntry);
  assert.equal(find(table, 'h', '/a'), 'exact');
  assert.equal(find(table, 'h', '/a/b'), 'low');
  assert.equal(find(table, 'h', '/c'), 'all');
});

test('RouteTable: remove() goes by identity and leaves the others', () => {
  const one = entry('one', 'h', { paths: ['/a', '/b'] });
  const two = entry('two', 'h', { paths: ['/b', '/a'] });
  const other = entry('other', '*.h');
  const table = tableOf(one, two, other);
  assert.equal(table.size, 3);
  assert.equal(table.remove(entry('one', 'h', { paths: ['/a', '/b'] })), false);
  assert.equal(table.remove(entry('x', 'unknown')), false);
  assert.equal(table.remove(entry('other', '*.h')), false);
  assert.equal(find(table, 'h', '/a'), 'one');
  assert.equal(table.remove(one), true);
  assert.equal(table.remove(one), false);
  assert.deepEqual([find(table, 'h', '/a'), find(table, 'h', '/b')], ['two', 'two']);
  assert.equal(table.remove(two), true);
  assert.equal(table.remove(other), true);
  assert.equal(table.size, 0);
  assert.equal(find(table, 'h', '/a'), undefined);
  assert.equal(find(table, 'x.h'), undefined);
});

test('RouteTable: an entry that cannot be compiled changes nothing', () => {
  const table = tableOf(entry('one', 'h'));
  const bad = entry('bad', 'h', { matchHeaders: [{ name: 'x', pattern: '(' }] });
  assert.throws(() => table.add(bad), SyntaxError);
  assert.equal(table.size, 1);
  assert.equal(find(table, 'h'), 'one');
});

test('RouteTable: finds what a search through all entries finds, while they come and go', () => {
  const random = seededRandom();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const maybe = <T>(make: () => T): T | undefined => (random() < 0.5 ? make() : undefined);
  const vHosts = ['a.b.c', 'b.c', '*.b.c', '*.c', '*', '*.a.b.c'];
  const prefixes = ['/', '/a', '/a/', '/a/b', '/a/b/c', '/b', '/a//', '/ab'];
  const randomPath = (): string | IPathMatch =>
    random() < 0.3 ? { type: 'exact', path: pick(prefixes) } : pick(prefixes);
  const table = new RouteTable<IEntry>();
  const present: IEntry[] = [];
  for (let step = 0; step < 3000; step++) {
    if (random() < 0.52) {
      const added = entry(`r${step}`, pick(vHosts), {
        paths: maybe(() => Array.from({ length: 1 + Math.floor(random() * 3) }, randomPath)),
        methods: maybe(() => [pick(['GET', 'POST'])]),
        matchHeaders: random() < 0.2 ? [{ name: 'X-A', value: '1' }] : undefined,
        priority: random() < 0.2 ? Math.floor(random() * 3) - 1 : 0,
      });
      table.add(added);
      present.push(added);
    } else if (present.length > 0) {
      const [removed] = present.splice(Math.floor(random() * present.length), 1);
      assert.equal(table.remove(removed as IEntry), true);
    }
    assert.equal(table.size, present.length);
    const host = pick(['a.b.c', 'b.c', 'x.b.c', 'c', 'z', 'q.a.b.c']);
    const path = pick(['/', '/a', '/a/', '/a/b', '/a/b/c/d', '/ab', '/a//x', '*', '/b/']);
    const method = pick(['GET', 'POST', 'PUT']);
    const headers: Record<string, string> = random() < 0.5 ? { 'x-a': '1' } : {};
    const expected = searchAll(present, host, path, method, headers);
    assert.equal(find(table, host, path, method, headers), expected, `${host} ${path}`);
  }
});

function seededRandom(): () => number {
  const random = randomFrom(4711);
  return () => random(2 ** 32) / 2 ** 32;
}

/** The contract, spelled out without regard to cost. */
function searchAll(
  entries: IEntry[],
  host: string,
  path: string,
  method: string,
  headers: Record<string, string>,
): string | undefined {
  const ranked = entries.flatMap((one) => {
    const pathRank = rankOfPath(one.paths, path);
    const hostRank = rankOfHost(one.vHost, host);
    const isFitting =
      hostRank >= 0 &&
      pathRank >= 0 &&
      (one.methods?.includes(method) ?? true) &&
      (one.matchHeaders === undefined || headers['x-a'] === '1');
    const conditions = (one.methods ? 1 : 0) + (one.matchHeaders?.length ?? 0);
    return isFitting ? [{ id: one.id, rank: [hostRank, one.priority, pathRank, conditions] }] : [];
  });
  ranked.sort((a, b) => {
    for (const [index, value] of a.rank.entries()) {
      if (value !== b.rank[index]) return (b.rank[index] as number) - value;
    }
    return a.id < b.id ? -1 : 1;
  });
  return ranked[0]?.id;
}

function rankOfHost(vHost: string, host: string): number {
  if (vHost === host) return 1e6;
  if (vHost === '*') return 0;
  return vHost.startsWith('*.') && host.endsWith(vHost.slice(1)) ? vHost.length : -1;
}

function rankOfPath(conditions: (string | IPathMatch)[] | undefined, path: string): number {
  if (conditions === undefined) return 0;
  const ranks = conditions.map((given) => {
    const { type, path: wanted } =
      typeof given === 'string' ? { type: 'prefix', path: given } : given;
    if (type === 'exact') return wanted === path ? 1e6 : -1;
    const prefix = wanted.replace(/\/$/, '');
    return path === prefix || path.startsWith(`${prefix}/`) ? 1 + prefix.length : -1;
  });
  return Math.max(...ranks);
}
