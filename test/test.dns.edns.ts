import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkServerCookie,
  cookieOption,
  makeServerCookie,
  readCookie,
} from '../ts/dns/codec/cookie.ts';
import {
  ednsOption,
  extendedErrorOption,
  extendedErrors,
  findOption,
  type IEdns,
  type IEdnsOption,
  keepaliveOption,
  paddingOption,
} from '../ts/dns/codec/edns.ts';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { emptyMessage } from '../ts/dns/codec/message.ts';
import { sipHash24 } from '../ts/dns/codec/siphash.ts';

function edns(...options: IEdnsOption[]): IEdns {
  return { udpSize: 1232, version: 0, do: false, options };
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

test('sipHash24() gives what its paper gives', () => {
  const key = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
  const data = Buffer.from(Array.from({ length: 15 }, (_, index) => index));
  assert.equal(sipHash24(key, data).toString('hex'), 'e545be4961ca29a1');
  const vectors = ['310e0edd47db6f72', 'fd67dc93c539f874', '5a4fa9d909806c0d', '2d7efbd796666785'];
  for (const [length, expected] of vectors.entries()) {
    assert.equal(sipHash24(key, data.subarray(0, length)).toString('hex'), expected);
  }
  assert.equal(sipHash24(key, data.subarray(0, 8)).toString('hex'), '6224939a79f5f593');
});

// RFC 9018, appendix A.
const cookies = [
  {
    why: 'A.1: a new one',
    secret: 'e5e973e5a6b2a43f48e7dc849e37bfcf',
    client: '2464c4abcf10c957',
    address: 'c6336464',
    time: 1559731985,
    server: '010000005cf79f111f8130c3eee29480',
  },
  {
    why: 'A.2: the same client later',
    secret: 'e5e973e5a6b2a43f48e7dc849e37bfcf',
    client: '2464c4abcf10c957',
    address: 'c6336464',
    time: 1559734385,
    server: '010000005cf7a871d4a564a1442aca77',
  },
];
for (const { why, secret, client, address, time, server } of cookies) {
  test(`makeServerCookie() as in RFC 9018, ${why}`, () => {
    const made = makeServerCookie(hex(secret), hex(client), hex(address), time);
    assert.equal(made.toString('hex'), server);
  });
}

test('checkServerCookie() judges age, client, address, version and secret', () => {
  const [secret, other] = [hex('00112233445566778899aabbccddeeff'), Buffer.alloc(16, 7)];
  const [client, address, now] = [hex('0102030405060708'), hex('c0000201'), 1_800_000_000];
  const check = (server: Buffer, changes: { time?: number; from?: Buffer; by?: Buffer } = {}) => {
    const { time = now, from = address, by = client } = changes;
    return checkServerCookie([secret, other], { client: by, server }, from, time);
  };
  const made = makeServerCookie(secret, client, address, now);
  assert.equal(check(made), 'good');
  assert.equal(check(made, { time: now + 1800 }), 'good');
  assert.equal(check(made, { time: now + 1801 }), 'renew');
  assert.equal(check(made, { time: now + 3600 }), 'renew');
  assert.equal(check(made, { time: now + 3601 }), 'bad');
  assert.equal(check(made, { time: now - 300 }), 'good');
  assert.equal(check(made, { time: now - 301 }), 'bad');
  assert.equal(check(made, { from: hex('c0000202') }), 'bad');
  assert.equal(check(made, { by: hex('0102030405060709') }), 'bad');
  assert.equal(check(makeServerCookie(other, client, address, now)), 'renew');
  assert.equal(check(makeServerCookie(Buffer.alloc(16), client, address, now)), 'bad');
  for (const at of made.keys()) {
    const changed = Buffer.from(made);
    changed[at] = (changed[at] as number) ^ 1;
    assert.equal(check(changed), 'bad', `byte ${at}`);
  }
  assert.equal(check(made.subarray(0, 15)), 'bad');
  assert.equal(checkServerCookie([secret], { client, server: null }, address, now), 'bad');
});

test('readCookie() takes 8 bytes, or 16 to 40: RFC 7873 §5.2.2', () => {
  assert.equal(readCookie(null), null);
  assert.equal(readCookie(edns()), null);
  for (let length = 0; length < 50; length++) {
    const data = Buffer.alloc(length, 1);
    const cookie = readCookie(edns({ code: ednsOption.COOKIE, data }));
    const isGood = length === 8 || (length >= 16 && length <= 40);
    assert.equal(cookie !== 'malformed', isGood, String(length));
    if (cookie === null || cookie === 'malformed') continue;
    assert.deepEqual(cookieOption(cookie).data, data);
    assert.equal(cookie.server?.length ?? 0, length - 8);
  }
});

test('extended errors: written, read, and left out when malformed', () => {
  const option = extendedErrorOption({ code: 18, text: 'nein, wirklich nicht: ü' });
  const withZero = { code: ednsOption.EDE, data: hex('0006 6e6f 00') };
  const short = { code: ednsOption.EDE, data: hex('00') };
  assert.deepEqual(extendedErrors(edns(option, short, withZero)), [
    { code: 18, text: 'nein, wirklich nicht: ü' },
    { code: 6, text: 'no' },
  ]);
  assert.deepEqual(extendedErrors(null), []);
});

test('keep-alive counts tenths of a second, at most 65,535 of them', () => {
  assert.deepEqual(keepaliveOption(12_340), { code: ednsOption.KEEPALIVE, data: hex('007b') });
  assert.deepEqual(keepaliveOption(1e9), { code: ednsOption.KEEPALIVE, data: hex('ffff') });
});

test('paddingOption() fills up to a multiple of the block', () => {
  for (let length = 0; length < 300; length++) {
    const filler = { code: 65001, data: Buffer.alloc(length) };
    const bytes = encodeMessage({ ...emptyMessage, edns: edns(filler) }).length;
    const padding = paddingOption(bytes, 128);
    const padded = encodeMessage({ ...emptyMessage, edns: edns(filler, padding) });
    assert.equal(padded.length % 128, 0);
    assert.ok(padded.length < bytes + 4 + 128);
  }
});

test('findOption() gives the first one of a code', () => {
  const both = edns({ code: 3, data: hex('01') }, { code: 3, data: hex('02') });
  assert.deepEqual(findOption(both, ednsOption.NSID), hex('01'));
  assert.equal(findOption(both, ednsOption.COOKIE), undefined);
  assert.equal(findOption(null, ednsOption.NSID), undefined);
});
