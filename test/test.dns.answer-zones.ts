import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Answerer, ZoneSet } from '../ts/dns/answer/index.ts';
import { StreamServer, UdpServer } from '../ts/dns/server/index.ts';
import { LocalPorts } from '../ts/net/ports.ts';
import { answerText, clientSocket, exchange, plainEdns, queryFor } from './dns/query.ts';
import { parseAnswers, readZone, zonesFolder } from './dns/zone-answer.ts';

const files = readdirSync(zonesFolder).filter((file) => file.endsWith('.zone'));

/** All zones of the folder, as the other servers had them. */
function handler(): Answerer {
  const zones = new ZoneSet();
  for (const file of files) zones.set(readZone(file));
  return new Answerer(zones, { minimalResponses: true, udpSizeMax: 4096 });
}

function agreedAnswers() {
  return files.flatMap((file) =>
    parseAnswers(readFileSync(join(zonesFolder, file.replace('.zone', '.answers')), 'utf8')),
  );
}

test('over UDP, made and kept: what BIND, Knot and NSD agree on', async (context) => {
  const server = new UdpServer({ handler: handler() });
  const { port } = await server.start({ host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = await clientSocket(context);
  const agreed = agreedAnswers();
  assert.ok(agreed.length > 2000);
  const edns = { ...plainEdns, udpSize: 4096 };
  const cookie = [{ code: 10, data: Buffer.alloc(8, 1) }];
  const unknown = [{ code: 65_001, data: Buffer.alloc(8, 1) }];
  for (const { name, type, answer } of agreed) {
    // The first is made, the second and third kept, the last decoded.
    for (const options of [[], [], cookie, unknown]) {
      const query = queryFor(name, type, { edns: { ...edns, options } });
      const bytes = await exchange(socket, port, query);
      assert.deepEqual(answerText(bytes), answer, `${name} ${type}`);
      const end = query.length - 11 - options.length * 12;
      assert.deepEqual(bytes.subarray(12, end), query.subarray(12, end), 'the case is kept');
      assert.equal(bytes.readUInt16BE(0), 4711);
    }
  }
});

test('over TCP, all queries at once: what BIND, Knot and NSD agree on', async (context) => {
  const agreed = agreedAnswers();
  const queries = agreed.map(({ name, type }, index) =>
    framed(queryFor(name, type, { id: index })),
  );
  const answers = await askAll(context, Buffer.concat(queries), agreed.length);
  for (const bytes of answers) {
    const { name, type, answer } = agreed[bytes.readUInt16BE(0)] as (typeof agreed)[number];
    assert.deepEqual(answerText(bytes), answer, `${name} ${type}`);
  }
});

function framed(query: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  return Buffer.concat([length, query]);
}

async function askAll(context: TestContext, bytes: Buffer, count: number): Promise<Buffer[]> {
  const server = new StreamServer({ handler: handler() });
  const { port } = await server.start(new LocalPorts(), { host: '127.0.0.1', port: 0 });
  context.after(() => server.stop());
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  await once(socket, 'end');
  const all = Buffer.concat(parts);
  const answers: Buffer[] = [];
  for (let at = 0; at < all.length; ) {
    const end = at + 2 + all.readUInt16BE(at);
    answers.push(all.subarray(at + 2, end));
    at = end;
  }
  assert.equal(answers.length, count);
  return answers;
}
