import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../ts/core/manual-clock.ts';
import { decodeMessage, type IMessage } from '../ts/dns/codec/message.ts';
import { equalNames, parseName } from '../ts/dns/codec/name.ts';
import { type Flight, Flights } from '../ts/dns/resolver/flights.ts';
import type { IServer } from '../ts/dns/resolver/index.ts';
import { encodeQuery, matchReply, randomCase } from '../ts/dns/resolver/query-message.ts';
import { secureRandom } from '../ts/dns/resolver/random.ts';
import { ServerTable } from '../ts/dns/resolver/server-table.ts';
import { randomFrom } from './suites/random.ts';

test('Flights: who asks for the same joins, and afterwards it begins anew', async () => {
  const flights = new Flights<number>();
  let starts = 0;
  const { promise, resolve } = Promise.withResolvers<number>();
  const start = () => {
    starts++;
    return promise;
  };
  const all = [flights.board('a', null, start), flights.board('a', null, start)];
  assert.equal(flights.size, 1);
  resolve(7);
  assert.deepEqual(await Promise.all(all.map((one) => one?.result)), [7, 7]);
  assert.deepEqual([starts, flights.size], [1, 0]);
  await flights.board('a', null, async () => 1)?.result;
  assert.equal(flights.size, 0);
});

test('Flights: work that fails frees its key', async () => {
  const flights = new Flights<number>();
  const fail = () => Promise.reject(new Error('no'));
  await assert.rejects(flights.board('a', null, fail)?.result ?? Promise.resolve(0));
  assert.equal(flights.size, 0);
});

test('Flights: what waits for itself is refused, at any distance', async () => {
  const flights = new Flights<string>();
  const needs =
    (...keys: string[]) =>
    async (flight: Flight<string>): Promise<string> => {
      await Promise.resolve();
      const [key, ...rest] = keys;
      if (key === undefined) return 'end';
      const boarding = flights.board(key, flight, needs(...rest));
      return boarding === null ? 'refused' : boarding.result;
    };
  assert.equal(await flights.board('a', null, needs('a'))?.result, 'refused');
  assert.equal(await flights.board('a', null, needs('b', 'c', 'a'))?.result, 'refused');
  assert.equal(await flights.board('a', null, needs('b', 'c'))?.result, 'end');
});

test('Flights: rings of work that need each other all come to an end', async () => {
  for (const size of [2, 3, 7]) {
    const flights = new Flights<string>();
    const start =
      (index: number) =>
      async (flight: Flight<string>): Promise<string> => {
        await Promise.resolve();
        const next = (index + 1) % size;
        return (await flights.board(`${next}`, flight, start(next))?.result) ?? 'refused';
      };
    const all = Array.from({ length: size }, (_, index) => {
      return flights.board(`${index}`, null, start(index))?.result;
    });
    const outcomes = await Promise.all(all);
    assert.ok(outcomes.every((outcome) => outcome === 'refused'));
    assert.equal(flights.size, 0);
  }
});

const server = (index: number): IServer => {
  return { address: `192.0.2.${index}`, port: 53, protocol: 'udp' };
};

test('ServerTable: remembers so many servers, and so many zones of one', () => {
  const clock = new ManualClock();
  const table = new ServerTable({ clock, random: randomFrom(3), serversMax: 10 });
  for (let index = 0; index < 100; index++) table.answered(server(index), 10);
  assert.equal(table.size, 10);
  for (let index = 0; index < 10_000; index++) table.lameFor(server(99), `zone-${index}`);
  assert.equal(table.size, 10);
});

test('ServerTable: waits longer after each timeout, within bounds', () => {
  const clock = new ManualClock();
  const table = new ServerTable({ clock, random: randomFrom(3) });
  const waits: number[] = [];
  for (let count = 0; count < 8; count++) {
    waits.push(table.timeoutMs(server(1)));
    table.timedOut(server(1));
  }
  assert.deepEqual(waits.slice(0, 4), [400, 800, 1600, 3000]);
  assert.equal(Math.max(...waits), 3000);
  assert.ok(table.isDead(server(1)));
  clock.advance(16 * 60_000);
  assert.ok(!table.isDead(server(1)));
  for (let count = 0; count < 20; count++) table.answered(server(1), 1);
  assert.equal(table.timeoutMs(server(1)), 150);
});

test('encodeQuery: is what the codec reads, padded or not', () => {
  const name = parseName('www.Example.org');
  for (const paddingBlock of [0, 128]) {
    for (const udpBytes of [null, 1232]) {
      const flags = { recursionDesired: true, checkingDisabled: true, authenticData: true };
      const query = { id: 99, name, type: 28, ...flags, dnssecOk: true, udpBytes, paddingBlock };
      const bytes = encodeQuery(query);
      const message = decodeMessage(bytes) as IMessage;
      assert.deepEqual(message.question, [{ name, type: 28, class: 1 }]);
      assert.equal(message.edns?.udpSize ?? null, udpBytes);
      assert.equal(message.edns?.do ?? false, udpBytes !== null);
      assert.ok(message.checkingDisabled && message.recursionDesired && message.authenticatedData);
      if (udpBytes !== null && paddingBlock > 0) assert.equal(bytes.length % paddingBlock, 0);
    }
  }
});

test('matchReply: short and odd messages match nothing', () => {
  const name = parseName('a.example');
  const flags = { recursionDesired: false, checkingDisabled: false, authenticData: false };
  const rest = { ...flags, dnssecOk: false, udpBytes: null, paddingBlock: 0 };
  const query = { id: 7, name, type: 1, ...rest };
  const bytes = encodeQuery(query);
  assert.equal(matchReply(bytes, query), 'none');
  bytes[2] = 0x80;
  assert.equal(matchReply(bytes, query), 'match');
  for (let length = 0; length < bytes.length; length++) {
    assert.notEqual(matchReply(bytes.subarray(0, length), query), 'match', String(length));
  }
  bytes[2] = 0xa8;
  assert.equal(matchReply(bytes, query), 'none');
});

test('randomCase: changes nothing but the case of letters', () => {
  const name = parseName('www.\\065\\091x-1.\\200\\000.example-with-a-long-label-of-fifty.org');
  const seen = new Set<string>();
  for (let count = 0; count < 100; count++) {
    const mixed = randomCase(name, secureRandom);
    assert.ok(equalNames(mixed, name));
    seen.add(mixed.toString('latin1'));
  }
  assert.ok(seen.size > 95);
});

test('secureRandom: stays below its bound, and reaches all of it', () => {
  for (const bound of [1, 2, 7, 65_536]) {
    const seen = new Set<number>();
    for (let count = 0; count < 500; count++) {
      const value = secureRandom(bound);
      assert.ok(Number.isInteger(value) && value >= 0 && value < bound);
      seen.add(value);
    }
    assert.ok(seen.size >= Math.min(bound, 400));
  }
});
