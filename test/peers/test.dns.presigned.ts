import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PresignedSigner } from '../../ts/dns/answer/presigned.ts';
import { zoneOf } from '../dns/query.ts';
import { serveZones } from '../suites/dns-server.ts';
import { folderFor, peerTest, run } from './peer.ts';

const apex = 'signed.example.org';
const text = `$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
ns1 A 192.0.2.1
mail A 192.0.2.3
www CNAME mail
old DNAME new
mail.new A 192.0.2.5
*.wild TXT "any"
a.deep.down A 192.0.2.6
cut NS ns.cut
ns.cut A 192.0.2.9
cut.lonely.empty NS ns.elsewhere.example.
safe NS ns.elsewhere.example.
safe DS 12345 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766
`;

const good = 'fully validated';
const none = 'negative response, fully validated';
const questions = [
  { name: '', type: 'SOA', says: good },
  { name: 'mail', type: 'A', says: good },
  { name: 'www', type: 'A', says: good },
  { name: 'mail.old', type: 'A', says: good },
  { name: 'x.wild', type: 'TXT', says: good },
  { name: 'x.y.wild', type: 'TXT', says: good },
  { name: 'safe', type: 'DS', says: good },
  { name: 'mail', type: 'AAAA', says: none },
  { name: 'down', type: 'A', says: none },
  { name: 'x.wild', type: 'A', says: none },
  { name: 'nowhere', type: 'A', says: none },
  { name: 'a.b.nowhere', type: 'TXT', says: none },
  { name: 'cut', type: 'DS', says: none },
  { name: 'cut.lonely.empty', type: 'DS', says: none },
  { name: 'lonely.empty', type: 'A', says: none },
];

/** With opt-out what may be an unsigned delegation is not proven to be absent: no AD, no failure. */
const open =
  'unsigned answer|negative response, unsigned answer|negative response, fully validated';
const cases = [
  { how: 'NSEC', args: [], isOpen: false },
  { how: 'NSEC3', args: ['-3', '-', '-H', '0'], isOpen: false },
  { how: 'NSEC3 with salt and rounds', args: ['-3', 'abcd', '-H', '3'], isOpen: false },
  { how: 'NSEC3 with opt-out', args: ['-3', '-', '-H', '0', '-A'], isOpen: true },
];
/** Of which opt-out leaves the proof open. */
const openNames: ReadonlySet<string> = new Set([
  'x.wild',
  'x.y.wild',
  'cut',
  'cut.lonely.empty',
  'lonely.empty',
  'nowhere',
  'a.b.nowhere',
]);

for (const { how, args, isOpen } of cases) {
  const peers = ['dnssec-keygen', 'dnssec-signzone', 'delv'];
  peerTest(`delv validates what dnssec-signzone signed: ${how}`, peers, async (context) => {
    const folder = folderFor(context);
    const keygen = await run('dnssec-keygen', ['-q', '-K', folder, '-a', '13', '-f', 'KSK', apex]);
    const [key = ''] = keygen.stdout.trim().split('\n');
    const dnskey = readFileSync(join(folder, `${key}.key`), 'utf8');
    writeFileSync(join(folder, 'zone'), text + dnskey);
    const sign = [
      '-q',
      '-z',
      ...args,
      '-o',
      apex,
      '-K',
      folder,
      '-f',
      join(folder, 'signed'),
      join(folder, 'zone'),
    ];
    const signed = await run('dnssec-signzone', sign, { cwd: folder });
    assert.equal(signed.code, 0, signed.stderr);
    const zone = zoneOf(readFileSync(join(folder, 'signed'), 'utf8'), `${apex}.`);
    const signer = PresignedSigner.of(zone);
    assert.ok(signer);
    const { port, faults } = await serveZones(context, [{ zone, signer }]);
    const [, ...fields] = /DNSKEY (\d+) (\d+) (\d+) (.*)/.exec(dnskey) ?? [];
    const [flags, protocol, algorithm, data = ''] = fields;
    const anchors = join(folder, 'anchors');
    const anchor = `static-key ${flags} ${protocol} ${algorithm} "${data.replaceAll(' ', '')}"`;
    writeFileSync(anchors, `trust-anchors { ${apex}. ${anchor}; };\n`);
    const server = ['@127.0.0.1', '-p', String(port), '-a', anchors, `+root=${apex}`];
    await Promise.all(
      questions.map(async ({ name, type, says }) => {
        const owner = name === '' ? apex : `${name}.${apex}`;
        const { stdout, stderr } = await run('delv', [...server, owner, type]);
        const wanted = isOpen && openNames.has(name) ? open : says;
        assert.match(
          stdout,
          new RegExp(`^; (${wanted})$`, 'm'),
          `${owner} ${type}: ${stdout}${stderr}`,
        );
      }),
    );
    assert.deepEqual(faults, []);
  });
}
