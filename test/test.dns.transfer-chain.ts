import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage } from '../ts/dns/codec/encode.ts';
import { emptyMessage } from '../ts/dns/codec/message.ts';
import { parseName } from '../ts/dns/codec/name.ts';
import { type ITsigKey, signMessage } from '../ts/dns/codec/tsig.ts';
import { opcode, rcode, recordClass, recordType } from '../ts/dns/codec/types.ts';
import { format } from '../ts/dns/zone/master-writer.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import type { IZoneOptions } from '../ts_interfaces/index.ts';
import { clientSocket, decoded, exchange } from './dns/query.ts';
import { recordOf, secrets, testKeys } from './dns/special.ts';
import { serveBook } from './suites/dns-router.ts';

const id = 'chain.example';
const keys = { mover: { secret: secrets.sha256 } };
const mover = testKeys.named('mover') as ITsigKey;
const transfer = ['127.0.0.1', 'key:mover'];

test('a change by UPDATE goes from the primary over one secondary to the next', async (context) => {
  const hosts = Array.from({ length: 50 }, (_, index) => `h${index} 300 A 10.0.0.${index}`);
  const records = [
    '@ 300 SOA ns h 1 3600 600 86400 60',
    '@ 300 NS ns',
    'ns 300 A 192.0.2.1',
    ...hosts,
  ];
  const options: IZoneOptions = {
    name: id,
    records,
    transfer,
    update: [{ key: 'mover', names: ['*.dyn'] }],
  };
  const first = await serveBook(context, [options], { keys });
  const peer = (port: number) => ({ address: '127.0.0.1', port, key: 'mover' });
  const second = await serveBook(context, [{ name: id, transfer, primaries: [peer(first.port)] }], {
    keys,
  });
  const third = await serveBook(context, [{ name: id, primaries: [peer(second.port)] }], { keys });
  const served = (router: typeof first): Zone | undefined => router.book.get(id)?.served?.zone;
  const follows = (router: typeof first, serial: number): Promise<void> =>
    new Promise((done) => {
      const look = (): void => {
        if (served(router)?.serial !== serial) return;
        leave();
        done();
      };
      const leave = router.book.follow({ onServed: look, onRemoved: () => undefined });
      queueMicrotask(look);
    });
  await follows(second, 1);
  await third.refresh(id).catch(() => third.refresh(id));
  await follows(third, 1);

  // Now that the ports are known, each is told of those behind it.
  const notify = (router: typeof first, port: number, zone: IZoneOptions) =>
    router.book.prepare({ set: [{ ...zone, notify: [peer(port)] }], removed: [] });
  first.book.apply(await notify(first, second.port, options));
  second.book.apply(
    await notify(second, third.port, { name: id, transfer, primaries: [peer(first.port)] }),
  );

  const socket = await clientSocket(context);
  const question = [{ name: parseName(id), type: recordType.SOA, class: recordClass.IN }];
  const authority = [recordOf(`a.dyn.${id}. 60 A 192.0.2.77`)];
  const update = encodeMessage({
    ...emptyMessage,
    id: 5,
    opcode: opcode.UPDATE,
    question,
    authority,
  });
  const now = Math.floor(Date.now() / 1000);
  const arrived = Promise.all([follows(second, 2), follows(third, 2)]);
  const answer = await exchange(
    socket,
    first.port,
    signMessage(update, mover, { time: now }).bytes,
  );
  assert.equal(decoded(answer).rcode, rcode.NOERROR);
  assert.equal(served(first)?.serial, 2);
  await arrived;
  assert.equal(format(served(second) as Zone), format(served(first) as Zone));
  assert.equal(format(served(third) as Zone), format(served(first) as Zone));
  for (const router of [second, third]) {
    // Behind what still runs.
    await router.refresh(id);
    const received = router.logged.filter(({ event }) => event === 'dns.transferReceived');
    assert.deepEqual(
      received.map(({ data }) => data.whole),
      [true, false],
    );
    assert.deepEqual(router.faults(), []);
  }
  assert.ok(second.counters.notifiesIn >= 1 && third.counters.notifiesIn >= 1);
});
