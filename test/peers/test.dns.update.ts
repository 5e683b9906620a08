import assert from 'node:assert/strict';
import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import { serveBook } from '../suites/dns-router.ts';
import {
  type IMoverKey,
  moveKnot,
  moveNamed,
  moverKeys,
  serialOf,
  until,
  update,
  zoneAt,
} from './dns-movers.ts';
import { freePort, peerTest } from './peer.ts';

const zone = 'move.example';
const lines = [
  '@ 300 SOA ns hostmaster 10 3600 600 86400 60',
  '@ 300 NS ns',
  '@ 300 NS ns2',
  '@ 300 TXT "apex"',
  'ns 300 A 192.0.2.1',
  'ns2 300 A 192.0.2.1',
  'www 300 A 192.0.2.5',
  'www 300 A 192.0.2.6',
  'www 300 TXT "x"',
  'alias 300 CNAME www',
  'a.deep 300 TXT "x"',
];

/** What is asked of every server in turn; each says the same, and has the same zone afterwards. */
const scripts: readonly (readonly string[])[] = [
  ['update add new.move.example. 60 A 192.0.2.9'],
  ['update add new.move.example. 120 A 192.0.2.10'],
  ['prereq yxdomain new.move.example.', 'update add second.move.example. 60 TXT "one two" three'],
  ['prereq nxdomain new.move.example.', 'update add no.move.example. 60 A 192.0.2.1'],
  ['prereq yxrrset www.move.example. AAAA', 'update add no.move.example. 60 A 192.0.2.1'],
  ['prereq nxrrset www.move.example. A', 'update add no.move.example. 60 A 192.0.2.1'],
  ['prereq yxrrset www.move.example. A 192.0.2.5', 'update add no.move.example. 60 A 192.0.2.1'],
  [
    'prereq yxrrset www.move.example. A 192.0.2.5',
    'prereq yxrrset www.move.example. A 192.0.2.6',
    'update add yes.move.example. 60 A 192.0.2.1',
  ],
  ['prereq yxdomain deep.move.example.', 'update add no.move.example. 60 A 192.0.2.1'],
  ['prereq nxdomain nothing.move.example.', 'update add yes2.move.example. 60 AAAA 2001:db8::1'],
  ['update add alias.move.example. 60 A 192.0.2.1'],
  ['update add alias.move.example. 60 CNAME ns.move.example.'],
  ['update add www.move.example. 60 CNAME ns.move.example.'],
  ['update delete www.move.example. A 192.0.2.5', 'update add www.move.example. 60 MX 5 ns'],
  ['update delete www.move.example. TXT'],
  ['update delete nothing.move.example.', 'update delete www.move.example. AAAA'],
  ['update delete move.example. NS ns2.move.example.'],
  ['update delete move.example. NS ns.move.example.'],
  ['update delete move.example. NS', 'update delete move.example. SOA'],
  ['update delete move.example. ANY'],
  ['update delete www.move.example.', 'update add www.move.example. 60 CNAME ns.move.example.'],
  ['update add out.example. 60 A 192.0.2.1'],
  ['update add move.example. 300 SOA ns hostmaster 5 3600 600 86400 60'],
  [
    'update add x.move.example. 60 SVCB 1 svc.example. port=53',
    'update add x.move.example. 60 TYPE65280 \\# 2 0102',
  ],
  [
    'update add sub.move.example. 60 NS ns.sub.move.example.',
    'update add ns.sub.move.example. 60 A 192.0.2.3',
  ],
];

for (const [index, program] of (['nsupdate', 'knsupdate'] as const).entries()) {
  const key = moverKeys[index] as IMoverKey;
  const peers = ['named', 'knotd', 'dig', program];
  peerTest(
    `${program} has of us what it has of BIND and Knot, ${key.algorithm}`,
    peers,
    async (context) => {
      const text = `$TTL 300\n${lines.join('\n')}\n`;
      const [bind, knot] = [await freePort(), await freePort()];
      const nobody = await freePort();
      await moveNamed(context, { port: bind, ourPort: nobody, key, zone, text });
      await moveKnot(context, { port: knot, ourPort: nobody, key, zone, text });
      const options: IZoneOptions = {
        name: zone,
        records: lines,
        transfer: [`key:${key.name}`],
        update: [
          {
            key: key.name,
            types: ['A', 'AAAA', 'TXT', 'CNAME', 'MX', 'NS', 'SOA', 'SVCB', 'TYPE65280'],
          },
        ],
      };
      const keys = { [key.name]: { algorithm: key.algorithm, secret: key.secret } };
      const ours = await serveBook(context, [options], { keys });
      for (const port of [bind, knot]) {
        await until(
          async () => (await serialOf(port, zone)) !== null,
          () => 'it does not serve',
        );
      }
      const heard = new Set<string>();
      for (const script of scripts) {
        const says: string[] = [];
        for (const port of [bind, knot, ours.port]) {
          const said = await update(program, port, zone, key, script);
          says.push(
            /update failed: ([A-Z]+)|update failed with error '?([A-Z]+)|error.*'?([A-Z]{5,})/
              .exec(said)
              ?.slice(1)
              .find(Boolean) ?? said.trim(),
          );
        }
        const [theirs, theirs2, our] = says;
        const zones = [];
        for (const port of [bind, knot, ours.port]) zones.push(await zoneAt(port, zone, key));
        const what = `${script.join('; ')}: ${JSON.stringify(says)}`;
        assert.equal(theirs2, theirs, what);
        assert.equal(our, theirs, what);
        assert.deepEqual(zones[1], zones[0], what);
        assert.deepEqual(zones[2], zones[0], what);
        heard.add(our ?? '');
      }
      assert.ok(
        ['', 'NXRRSET', 'YXRRSET', 'NXDOMAIN', 'YXDOMAIN', 'NOTZONE'].every((code) =>
          heard.has(code),
        ),
        [...heard].join(),
      );
      assert.deepEqual(ours.faults(), []);
    },
  );
}
