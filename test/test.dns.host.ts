import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ITsigKey, signMessage } from '../ts/dns/codec/tsig.ts';
import { clientSocket, decoded, exchange, plainEdns, queryFor } from './dns/query.ts';
import { secrets, testKeys } from './dns/special.ts';
import { serveBook } from './suites/dns-router.ts';

const mover = testKeys.named('mover') as ITsigKey;
const lines = Array.from({ length: 20 }, (_, index) => `big TXT "${'x'.repeat(90)}${index}"`);

for (const udpSizeMax of [undefined, 4096]) {
  test(`a signed answer by UDP is as long as dns.udpSizeMax (${udpSizeMax}) allows`, async (context) => {
    const zone = { name: 'example.org', nameservers: ['ns.example.net'], records: lines };
    const keys = { mover: { secret: secrets.sha256 } };
    const size = udpSizeMax === undefined ? {} : { udpSizeMax };
    const { port } = await serveBook(context, [zone], { keys, ...size });
    const edns = { ...plainEdns, udpSize: 4096 };
    const query = queryFor('big.example.org', 'TXT', { edns });
    const time = Math.floor(Date.now() / 1000);
    const socket = await clientSocket(context);
    const answer = await exchange(socket, port, signMessage(query, mover, { time }).bytes);
    assert.equal(decoded(answer).truncated, udpSizeMax === undefined);
    assert.equal(decoded(answer).answer.length, udpSizeMax === undefined ? 0 : lines.length);
    assert.notEqual(decoded(answer).tsig, null);
  });
}
