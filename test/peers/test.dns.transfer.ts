import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IZoneOptions, IZonePeer } from '../../ts_interfaces/index.ts';
import { serveBook } from '../suites/dns-router.ts';
import {
  dig,
  type IMover,
  moveKnot,
  moveNamed,
  moverKeys,
  serialOf,
  until,
  update,
  zoneAt,
} from './dns-movers.ts';
import { folderFor, freePort, peerTest, run } from './peer.ts';

const zone = 'move.example';
const many = Array.from(
  { length: 2000 },
  (_, index) => `h${index} A 10.1.${index >> 8}.${index & 255}`,
);
const lines = [
  '@ 300 SOA ns hostmaster 10 3600 600 86400 60',
  '@ 300 NS ns',
  'ns 300 A 192.0.2.1',
  '@ 300 MX 10 Mail',
  'mail 300 A 192.0.2.2',
  '*.wild 300 TXT "any" "thing"',
  'a.deep 300 CAA 0 issue "ca.example"',
  'svc 300 HTTPS 1 . alpn=h2',
  'odd 300 TYPE65280 \\# 3 010203',
  'cut 300 NS ns.cut',
  'ns.cut 300 A 192.0.2.9',
];
const text = `$TTL 300\n${[...lines, ...many].join('\n')}\n`;
const servers = [
  { name: 'BIND', program: 'named', move: moveNamed },
  { name: 'Knot', program: 'knotd', move: moveKnot },
] as const;

function optionsOf(key: (typeof moverKeys)[number]) {
  return { [key.name]: { algorithm: key.algorithm, secret: key.secret } };
}

for (const { name, program, move } of servers) {
  for (const key of moverKeys) {
    const peers = [program, 'dig', 'nsupdate'];
    peerTest(`${name} is our primary, ${key.algorithm}`, peers, async (context) => {
      const [port, ourPort] = [await freePort(), await freePort()];
      const mover: IMover = { port, ourPort, key, zone, text };
      await move(context, mover);
      await until(
        async () => (await serialOf(port, zone)) === 10,
        () => 'it does not serve',
      );
      const primary: IZonePeer = { address: '127.0.0.1', port, key: key.name };
      const transfer = [`key:${key.name}`];
      const ours = await serveBook(
        context,
        [{ name: zone, primaries: [primary], transfer }],
        { keys: optionsOf(key) },
        ourPort,
      );
      await until(
        async () => (await serialOf(ourPort, zone)) === 10,
        () => JSON.stringify(ours.logged),
      );
      assert.deepEqual(await zoneAt(ourPort, zone, key), await zoneAt(port, zone, key));

      for (const changes of [
        ['update add new.move.example. 60 A 192.0.2.7', 'update delete h5.move.example. A'],
        ['update add new.move.example. 90 A 192.0.2.8', 'update delete odd.move.example.'],
      ]) {
        const before = (await serialOf(port, zone)) as number;
        assert.equal(await update('nsupdate', port, zone, key, changes), '');
        await until(
          async () => ((await serialOf(ourPort, zone)) ?? 0) > before,
          () => JSON.stringify(ours.logged),
        );
        assert.deepEqual(await zoneAt(ourPort, zone, key), await zoneAt(port, zone, key));
      }
      const received = ours.logged.filter(({ event }) => event === 'dns.transferReceived');
      assert.deepEqual(
        received.map(({ data }) => data.whole),
        [true, false, false],
      );
      assert.ok(ours.counters.notifiesIn >= 2);
      assert.equal(ours.counters.failed, 0);
      assert.deepEqual(ours.faults(), []);
    });

    peerTest(`${name} is our secondary, ${key.algorithm}`, peers, async (context) => {
      const [port, ourPort] = [await freePort(), await freePort()];
      const options: IZoneOptions = {
        name: zone,
        records: [...lines, ...many],
        transfer: [`key:${key.name}`],
        notify: [{ address: '127.0.0.1', port, key: key.name }],
        update: [{ key: key.name }],
      };
      const ours = await serveBook(context, [options], { keys: optionsOf(key) }, ourPort);
      await move(context, { port, ourPort, key, zone });
      const same = async (): Promise<boolean> =>
        (await serialOf(port, zone)) === (await serialOf(ourPort, zone));
      await until(same, () => JSON.stringify(ours.logged));
      assert.deepEqual(await zoneAt(port, zone, key), await zoneAt(ourPort, zone, key));
      for (const changes of [
        ['update add new.move.example. 60 A 192.0.2.7', 'update delete h5.move.example. A'],
        ['update add new.move.example. 90 A 192.0.2.8', 'update delete odd.move.example.'],
      ]) {
        const before = ours.counters.out;
        assert.equal(await update('nsupdate', ourPort, zone, key, changes), '');
        await until(same, () => JSON.stringify(ours.logged));
        assert.deepEqual(await zoneAt(port, zone, key), await zoneAt(ourPort, zone, key));
        const sent = ours.logged.filter(({ event }) => event === 'dns.transferSent');
        // The difference is a few hundred bytes, all of the zone some ten thousand.
        assert.ok(Number(sent[before]?.data.bytes) < 2000, JSON.stringify(sent));
      }
      assert.equal(ours.counters.notifiesFailed, 0);
      assert.deepEqual(ours.faults(), []);
    });
  }

  for (const signing of ['nsec', 'nsec3'] as const) {
    const peers = [program, 'dig', 'delv', 'nsupdate', 'ldns-verify-zone'];
    peerTest(
      `${name} signs with ${signing}: we answer as its secondary`,
      peers,
      async (context) => {
        const [key] = moverKeys as [(typeof moverKeys)[0]];
        const [port, ourPort] = [await freePort(), await freePort()];
        await move(context, {
          port,
          ourPort,
          key,
          zone,
          text: `${lines.join('\n')}\nh77 300 A 10.1.0.77\n`,
          signing,
        });
        const isSigned = async (): Promise<boolean> =>
          (await dig(port, null, ['+dnssec', '+short', 'soa', zone])).stdout.includes('SOA 13');
        await until(isSigned, () => 'it does not sign');
        const primary: IZonePeer = { address: '127.0.0.1', port, key: key.name };
        const transfer = [`key:${key.name}`];
        const ours = await serveBook(
          context,
          [{ name: zone, primaries: [primary], transfer }],
          { keys: optionsOf(key) },
          ourPort,
        );
        const same = async (): Promise<boolean> =>
          (await serialOf(port, zone)) === (await serialOf(ourPort, zone));
        await until(same, () => JSON.stringify(ours.logged));
        await validates(context, ourPort);
        assert.equal(
          await update('nsupdate', port, zone, key, [
            'update add zz.none.move.example. 60 A 192.0.2.7',
          ]),
          '',
        );
        await until(
          async () =>
            (await dig(ourPort, null, ['+short', 'zz.none.move.example'])).stdout.startsWith('192'),
          () => JSON.stringify(ours.logged),
        );
        await until(same, () => JSON.stringify(ours.logged));
        await validates(context, ourPort);
        // What we pass on is whole.
        const axfr = await dig(ourPort, key, ['axfr', zone, '+onesoa', '+nocmd', '+nostats']);
        const file = join(folderFor(context), 'zone');
        writeFileSync(file, axfr.stdout.replaceAll(/^.*\sTSIG\s.*$/gm, ''));
        const verified = await run('ldns-verify-zone', ['-V', '2', file]);
        assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
        assert.deepEqual(ours.faults(), []);
      },
    );
  }
}

const questions = [
  { name: '', type: 'SOA', says: 'fully validated' },
  { name: '', type: 'MX', says: 'fully validated' },
  { name: 'mail', type: 'A', says: 'fully validated' },
  { name: 'H77', type: 'A', says: 'fully validated' },
  { name: 'x.wild', type: 'TXT', says: 'fully validated' },
  { name: 'x.y.wild', type: 'TXT', says: 'fully validated' },
  { name: 'svc', type: 'HTTPS', says: 'fully validated' },
  { name: 'mail', type: 'AAAA', says: 'negative response, fully validated' },
  { name: 'deep', type: 'A', says: 'negative response, fully validated' },
  { name: 'x.wild', type: 'A', says: 'negative response, fully validated' },
  { name: 'nowhere', type: 'A', says: 'negative response, fully validated' },
  { name: 'a.b.nowhere', type: 'TXT', says: 'negative response, fully validated' },
  { name: 'zzz', type: 'TXT', says: 'negative response, fully validated' },
  { name: 'cut', type: 'DS', says: 'negative response, fully validated' },
];

/** Asks `delv` about all kinds of answers. */
async function validates(context: Parameters<typeof folderFor>[0], port: number): Promise<void> {
  const { stdout } = await dig(port, null, ['+short', 'dnskey', zone]);
  const [flags, protocol, algorithm, ...rest] = stdout.trim().split('\n')[0]?.split(' ') ?? [];
  const anchors = join(folderFor(context), 'anchors');
  writeFileSync(
    anchors,
    `trust-anchors { ${zone}. static-key ${flags} ${protocol} ${algorithm} "${rest.join('')}"; };\n`,
  );
  const server = ['@127.0.0.1', '-p', String(port), '-a', anchors, `+root=${zone}`];
  await Promise.all(
    questions.map(async ({ name, type, says }) => {
      const owner = name === '' ? zone : `${name}.${zone}`;
      const result = await run('delv', [...server, owner, type]);
      const what = `${owner} ${type}: ${result.stdout}${result.stderr}`;
      assert.match(result.stdout, new RegExp(`^; ${says}$`, 'm'), what);
    }),
  );
}

peerTest('dig and kdig fetch a zone, signed and not', ['dig', 'kdig'], async (context) => {
  const [key] = moverKeys as [(typeof moverKeys)[0]];
  const options: IZoneOptions = {
    name: zone,
    records: [...lines, ...many],
    transfer: ['127.0.0.0/8', `key:${key.name}`],
  };
  const { port, faults } = await serveBook(context, [options], { keys: optionsOf(key) });
  assert.equal((await zoneAt(port, zone, key)).length, lines.length - 1 + many.length);
  const unsigned = await dig(port, null, ['axfr', zone]);
  assert.match(unsigned.stdout, /Transfer failed/);
  const wrong = await dig(port, { ...key, secret: moverKeys[1]?.secret ?? '' }, ['axfr', zone]);
  assert.match(wrong.stdout, /BADSIG/);
  const nobody = await dig(port, { ...key, name: 'nobody' }, ['axfr', zone]);
  assert.match(nobody.stdout, /BADKEY/);
  const args = [
    '@127.0.0.1',
    '-p',
    String(port),
    '-y',
    `${key.algorithm}:${key.name}:${key.secret}`,
  ];
  const knot = await run('kdig', [...args, 'AXFR', zone]);
  assert.match(knot.stdout, /h1999\.move\.example/);
  assert.doesNotMatch(`${knot.stdout}${knot.stderr}`, /;; (WARNING|ERROR)/);
  const current = await run('kdig', [...args, 'IXFR=4000000000', zone]);
  assert.match(current.stdout, /\bSOA\b/);
  const plain = await run('kdig', [...args, 'mail.move.example', 'A']);
  assert.match(plain.stdout, /192\.0\.2\.2/);
  assert.doesNotMatch(`${plain.stdout}${plain.stderr}`, /;; (WARNING|ERROR)/);
  assert.deepEqual(faults(), []);
});
