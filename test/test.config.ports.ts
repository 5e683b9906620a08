import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigText } from '../ts/config/file.ts';
import {
  findOverlaps,
  type IPortRange,
  isPortRange,
  mergeRanges,
  readPortRange,
  spellRanges,
  subtractRanges,
} from '../ts/config/port-range.ts';
import { checkPorts, type IPortListener, listenersOf, portsOf } from '../ts/config/ports.ts';
import { parseOptions, parseTcpEntry } from '../ts/config/schema.ts';
import { DcError } from '../ts/core/errors.ts';
import { randomFrom } from './suites/random.ts';

function listener(text: string, index = 0): IPortListener {
  const [protocol, address = '::', ports = ''] = text.split(' ');
  const [from = 0, to = from] = ports.split('-').map(Number);
  return { path: ['x', index], address, from, to, protocol: protocol === 'udp' ? 'udp' : 'tcp' };
}

const pairs: { one: string; other: string; clash: boolean; why: string }[] = [
  { one: 'tcp :: 80', other: 'tcp :: 80', clash: true, why: 'the same' },
  { one: 'tcp :: 80', other: 'udp :: 80', clash: false, why: 'another protocol' },
  { one: 'tcp :: 0', other: 'tcp :: 0', clash: false, why: 'free ports' },
  { one: 'tcp :: 80', other: 'tcp 10.0.0.1 80', clash: true, why: 'every address' },
  { one: 'tcp 10.0.0.1 80', other: 'tcp :: 80', clash: true, why: 'the other way round' },
  { one: 'tcp 10.0.0.1 80', other: 'tcp 10.0.0.2 80', clash: false, why: 'two addresses' },
  { one: 'tcp 0.0.0.0 80', other: 'tcp 10.0.0.2 80', clash: true, why: 'every IPv4 address' },
  { one: 'tcp 10.0.0.2 80', other: 'tcp 0.0.0.0 80', clash: true, why: 'that the other way round' },
  { one: 'tcp 0.0.0.0 80', other: 'tcp ::1 80', clash: false, why: 'IPv4 is not IPv6' },
  { one: 'tcp :: 80', other: 'tcp 0.0.0.0 80', clash: true, why: '`::` takes IPv4 as well' },
  { one: 'tcp ::1 80', other: 'tcp 0:0::1 80', clash: true, why: 'two spellings' },
  { one: 'tcp ::ffff:10.0.0.1 80', other: 'tcp 10.0.0.1 80', clash: true, why: 'IPv4-mapped' },
  { one: 'tcp fe80::1%a 80', other: 'tcp fe80::1%b 80', clash: false, why: 'two zones' },
  { one: 'tcp :: 80-90', other: 'tcp :: 90-95', clash: true, why: 'ranges that touch' },
  { one: 'tcp :: 80-90', other: 'tcp :: 91', clash: false, why: 'neighbours' },
  { one: 'tcp :: 85', other: 'tcp ::1 80-90', clash: true, why: 'a port within' },
];

for (const { one, other, clash, why } of pairs) {
  test(`checkPorts() for ${one} and ${other}: ${why}`, () => {
    const found = checkPorts([listener(one, 0), listener(other, 1)]);
    assert.deepEqual(
      found.map(({ path }) => path),
      clash ? [['x', 1]] : [],
    );
  });
}

test('checkPorts() names the place and the ports', () => {
  const found = checkPorts([listener('tcp :: 80-90', 0), listener('tcp :: 85-95', 1)]);
  assert.equal(found[0]?.message, 'Must be ports of its own: x[0] listens on 85-90');
});

test('checkPorts() finds what comparing each with each finds', () => {
  const below = randomFrom(7);
  const addresses = ['::', '0.0.0.0', '::1', '10.0.0.1', '10.0.0.2'];
  const overlap = (one: string, other: string) =>
    one === other ||
    [one, other].includes('::') ||
    ([one, other].includes('0.0.0.0') && ![one, other].includes('::1'));
  for (let round = 0; round < 300; round++) {
    const listeners = Array.from({ length: 12 }, (_, index) => {
      const from = 1 + below(40);
      const address = addresses[below(addresses.length)];
      return listener(
        `${below(4) === 0 ? 'udp' : 'tcp'} ${address} ${from}-${from + below(5)}`,
        index,
      );
    });
    const taken: IPortListener[] = [];
    const expected = listeners.flatMap((one) => {
      const clash = taken.some((other) => {
        const shares = one.from <= other.to && other.from <= one.to;
        return shares && one.protocol === other.protocol && overlap(one.address, other.address);
      });
      if (!clash) taken.push(one);
      return clash ? [one.path] : [];
    });
    assert.deepEqual(
      checkPorts(listeners).map(({ path }) => path),
      expected,
    );
  }
});

test('subtractRanges() and mergeRanges() agree with single ports', () => {
  const below = randomFrom(11);
  const ranges = (count: number): IPortRange[] =>
    Array.from({ length: count }, () => {
      const from = 1 + below(60);
      return { from, to: from + below(8) };
    });
  const portsIn = (list: readonly IPortRange[]) =>
    new Set(
      list.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, at) => from + at)),
    );
  for (let round = 0; round < 500; round++) {
    const [one, other] = [mergeRanges(ranges(below(6))), mergeRanges(ranges(below(6)))];
    const left = subtractRanges(one, other);
    const taken = portsIn(other);
    assert.deepEqual(
      [...portsIn(left)],
      [...portsIn(one)].filter((port) => !taken.has(port)),
    );
    assert.deepEqual(mergeRanges(left), left);
    const raw = ranges(6);
    const isFree = (range: IPortRange, at: number) =>
      raw.slice(0, at).every((before) => before.to < range.from || range.to < before.from);
    assert.equal(findOverlaps(raw).length === 0, raw.every(isFree));
  }
});

test('readPortRange() reads what a configuration may write', () => {
  const range = (given: unknown) => {
    const read = readPortRange(given);
    return isPortRange(read) ? spellRanges([read]) : undefined;
  };
  assert.equal(range(5), '5');
  assert.equal(range('5'), '5');
  assert.equal(range('1-65535'), '1-65535');
  assert.equal(range({ from: 5, to: 6 }), '5-6');
  const wrong = [0, 65_536, 1.5, Number.NaN, '', '-', '1-', '-1', '1-2-3', ' 1', '1e3', '0x10'];
  for (const given of [
    ...wrong,
    '0-1',
    '1-65536',
    '2-1',
    {},
    null,
    true,
    [5],
    { from: '1', to: 2 },
  ]) {
    assert.equal(range(given), undefined, JSON.stringify(given));
  }
});

test('portsOf() and listenersOf() tell what an entry opens', () => {
  const entry = parseTcpEntry({
    fromPort: 443,
    globalPortRanges: ['8000-8001'],
    toPort: 1,
    address: '::1',
    enabled: false,
  });
  const ports = [
    { address: '::1', from: 443, to: 443, protocol: 'tcp' },
    { address: '::1', from: 8000, to: 8001, protocol: 'tcp' },
  ];
  assert.deepEqual(portsOf(entry), ports);
  assert.deepEqual(listenersOf({ ...entry }, ['tcp', 0]), []);
  const [first, second] = listenersOf({ ...entry, enabled: true }, ['tcp', 0]);
  assert.deepEqual(first?.path, ['tcp', 0, 'fromPort']);
  assert.deepEqual(second?.path, ['tcp', 0, 'globalPortRanges', 0]);
  const udp = portsOf(parseTcpEntry({ protocol: 'udp', fromPort: 0, toPort: 1 }));
  assert.deepEqual(udp, [{ address: '::', from: 0, to: 0, protocol: 'udp' }]);
});

function refusals(input: unknown): string[] {
  try {
    parseOptions(input);
  } catch (error) {
    assert.ok(error instanceof DcError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

test('parseOptions() compares entries with entrypoints, the management port and each other', () => {
  const tcp = [
    { fromPort: 80, toPort: 1 },
    { address: '127.0.0.1', globalPortRanges: ['7000-7999'], toPort: 1 },
    { protocol: 'udp', fromPort: 80, toPort: 1 },
    { id: 'off', fromPort: 80, toPort: 1, enabled: false },
    { fromPort: 7500, toPort: '::1' },
  ];
  const web = { entrypoints: { http: { port: 80 } } };
  assert.deepEqual(refusals({ tcp, web, api: {} }), [
    'tcp[4].toPort: Must have the IPv6 address in brackets',
    'tcp[0].fromPort: Must be a port of its own: web.entrypoints.http.port listens there',
    'tcp[1].globalPortRanges[0]: Must be ports of its own: api.port listens on 7700',
  ]);
});

test('parseOptions() knows the ports that a daemon opens without being told', async () => {
  const tcp = [8080, 8443, 7700].map((fromPort) => ({ fromPort, toPort: 1 }));
  assert.deepEqual(refusals({ tcp }), []);
  assert.equal(refusals({ tcp, web: {} }).length, 2);
  const { value, source } = await parseConfigText(JSON.stringify({ tcp }), {
    file: 'x.json',
    env: {},
  });
  const { disabled } = parseOptions(value, { source, mode: 'start' });
  assert.equal(disabled.length, 3);
});
