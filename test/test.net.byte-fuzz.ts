import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientHelloRecordsBytesMax, readClientHello } from '../ts/net/client-hello.ts';
import {
  buildProxyHeader,
  parseProxyHeader,
  proxyHeaderBytesMax,
} from '../ts/net/proxy-protocol.ts';
import { Random } from './fuzz/random.ts';
import { freshSeed } from './fuzz/run.ts';
import {
  extension,
  helloMessage,
  inRecords,
  protocols,
  serverNames,
} from './suites/client-hello.ts';

type TParser = (bytes: Buffer, start: number, end: number) => { kind: string; length?: number };

function mutate(random: Random, bytes: Buffer): Buffer {
  let mutant = Buffer.from(bytes);
  for (let count = random.number(4); count > 0; count--) {
    const at = random.number(mutant.length + 1);
    const [before, after] = [mutant.subarray(0, at), mutant.subarray(at)];
    const odd = Buffer.from([random.pick([0, 1, 2, 3, 0x0a, 0x0d, 0x20, 0x7f, 0x80, 0xff])]);
    switch (random.number(6)) {
      case 0:
        mutant = Buffer.concat([before, after.subarray(1 + random.number(8))]);
        break;
      case 1:
        mutant = Buffer.concat([before, odd, after]);
        break;
      case 2:
        mutant = Buffer.concat([before, odd, after.subarray(1)]);
        break;
      case 3:
        mutant = Buffer.concat([before, after.subarray(0, 1 + random.number(30)), after]);
        break;
      case 4:
        mutant = before;
        break;
      default:
        if (after.length > 0) after[0] = (after[0] as number) ^ (1 << random.number(8));
    }
  }
  return mutant;
}

/**
 * The answer depends on the range alone; while it is `incomplete` nothing is decided, and once
 * decided it stays, whatever follows; and it is decided when `bytesMax` bytes are there.
 */
function check(parser: TParser, random: Random, bytes: Buffer, bytesMax: number): string {
  const whole = parser(bytes, 0, bytes.length);
  const start = 1 + random.number(20);
  const padded = Buffer.alloc(start + bytes.length + 20, random.pick([0, 0x0d, 0x16, 0xff]));
  bytes.copy(padded, start);
  assert.deepEqual(parser(padded, start, start + bytes.length), whole);
  assert.ok(whole.length === undefined || whole.length <= bytes.length);
  if (whole.kind === 'incomplete') assert.ok(bytes.length < bytesMax);
  for (let count = 0; count < 12; count++) {
    const part = parser(bytes, 0, random.number(bytes.length + 1));
    if (part.kind !== 'incomplete') assert.deepEqual(part, whole);
  }
  return whole.kind;
}

function fuzz(generate: (random: Random) => Buffer, parser: TParser, bytesMax: number): void {
  const kinds = new Map<string, number>();
  for (const seed of [1, 2, freshSeed()]) {
    const random = new Random(seed);
    for (let round = 0; round < 4000; round++) {
      const bytes = mutate(random, generate(random));
      try {
        const kind = check(parser, random, bytes, bytesMax);
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      } catch (error) {
        throw new Error(`Seed ${seed}, round ${round}: ${bytes.toString('hex')}`, { cause: error });
      }
    }
  }
  // Otherwise the generator is not worth much.
  for (const kind of ['incomplete', 'invalid']) assert.ok((kinds.get(kind) ?? 0) > 100, kind);
  assert.ok(Math.max(kinds.get('hello') ?? 0, kinds.get('header') ?? 0) > 1000);
}

test('fuzz: PROXY headers', () => {
  const ips = ['192.0.2.1', '2001:db8::1', '', '::ffff:1.2.3.4'];
  fuzz(
    (random) => {
      const header = buildProxyHeader(random.pick([1, 2] as const), {
        sourceIp: random.pick(ips),
        sourcePort: random.number(65_536),
        destinationIp: random.pick(ips),
        destinationPort: random.number(65_536),
        command: random.mostly('proxy', 8, ['local'] as const),
        hasChecksum: random.oneIn(3),
        tlvs: Array.from({ length: random.number(4) }, () => ({
          type: random.pick([1, 2, 4, 5, 0x20, 0x30, 0xee]),
          value: Buffer.alloc(random.mostly(5, 5, [0, 1, 130, 20_000])),
        })),
      });
      return Buffer.concat([header, Buffer.alloc(random.number(40), 'x')]);
    },
    parseProxyHeader,
    proxyHeaderBytesMax,
  );
});

test('fuzz: ClientHellos', () => {
  fuzz(
    (random) => {
      const extensions = Array.from({ length: random.number(4) }, (_, index) =>
        extension(0x0a0a + index, Buffer.alloc(random.mostly(3, 10, [0, 400, 5000]))),
      );
      if (random.number(4) > 0) extensions.push(serverNames(random.pick(['a.b', 'example.org.'])));
      if (random.oneIn(2)) extensions.unshift(protocols('h2', 'http/1.1'));
      const message = helloMessage({ extensions: random.mostly(extensions, 20, [null]) });
      return inRecords(message, random.mostly(16_384, 3, [1, 2, 7, 300]));
    },
    readClientHello,
    clientHelloRecordsBytesMax,
  );
});
