import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DcRouter } from '../../ts/dcrouter.ts';
import { startRouter } from '../suites/web.ts';
import { folderFor, peerTest, run } from './peer.ts';

const apex = 'signed.example.org';
const text = `$TTL 300
@ SOA ns1 hostmaster 1 7200 900 1209600 60
@ NS ns1
@ NS ns2
@ MX 10 mail
@ TXT "v=spf1 -all" "two strings"
ns1 A 192.0.2.1
ns2 AAAA 2001:db8::2
mail A 192.0.2.3
mail A 192.0.2.4
WWW CNAME Mail
old DNAME new
mail.new A 192.0.2.5
*.wild TXT "any"
*.alias CNAME mail
a.deep.down A 192.0.2.6
_443._tcp TLSA 3 1 1 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766
srv SRV 1 2 443 mail
caa CAA 0 issue "ca.example"
svc HTTPS 1 . alpn=h2 ipv4hint=192.0.2.3
odd TYPE65280 \\# 3 010203
cut NS ns.cut
ns.cut A 192.0.2.9
safe NS ns.elsewhere.example.
safe DS 12345 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766
`;
const kinds = [
  { algorithm: 'ECDSAP256SHA256', keys: 'csk' },
  { algorithm: 'ED25519', keys: 'ksk-zsk' },
] as const;
const denials = ['compact', 'nsec', 'nsec3'] as const;

interface ISigned {
  readonly router: DcRouter;
  readonly port: number;
  readonly folder: string;
}

/** A router with the zone, signed, which the loopback may transfer. */
async function serveSigned(
  context: TestContext,
  kind: (typeof kinds)[number],
  denial: (typeof denials)[number],
): Promise<ISigned> {
  const folder = folderFor(context);
  const file = join(folder, 'zone');
  writeFileSync(file, text);
  const dnssec = { ...kind, denial };
  const { router, ports } = await startRouter(context, {
    dns: {
      listeners: { dns: { address: '127.0.0.1', port: 0 } },
      zones: [{ name: apex, file, dnssec, transfer: ['127.0.0.1'] }],
    },
  });
  return { router, port: ports['dns:dns'] ?? 0, folder };
}

/** The trust anchor: the key that signs the others, as the management tells it. */
function anchorOf(router: DcRouter): string {
  const keys = router.dns.keys.info(apex).keys.filter(({ role }) => role !== 'zsk');
  const anchors = keys.map(({ dnskey }) => {
    const [, flags, key] = /(\d+ \d+ \d+) (\S.*)$/.exec(dnskey) ?? [];
    return `${apex}. static-key ${flags} "${key}";`;
  });
  return `trust-anchors { ${anchors.join(' ')} };\n`;
}

for (const denial of denials) {
  const title = `AXFR of a signed zone is accepted by ldns-verify-zone and dnssec-verify: ${denial}`;
  peerTest(title, ['dig', 'ldns-verify-zone', 'dnssec-verify'], async (context) => {
    for (const kind of kinds) {
      const { port, folder } = await serveSigned(context, kind, denial);
      const transfer = await run('dig', [
        ...['@127.0.0.1', '-p', String(port), '+noall', '+answer', '+onesoa', 'AXFR', apex],
      ]);
      assert.match(transfer.stdout, /RRSIG/, transfer.stdout + transfer.stderr);
      const file = join(folder, 'transferred');
      writeFileSync(file, transfer.stdout);
      const ldns = await run('ldns-verify-zone', ['-V', '2', file]);
      assert.equal(ldns.code, 0, `${kind.algorithm}: ${ldns.stdout}${ldns.stderr}`);
      // One key for all is allowed then.
      const allows = kind.keys === 'csk' ? ['-z'] : [];
      const bind = await run('dnssec-verify', [...allows, '-o', apex, file]);
      assert.equal(bind.code, 0, `${kind.algorithm}: ${bind.stdout}${bind.stderr}`);
    }
  });
}

const questions = [
  { name: '', type: 'SOA', says: 'fully validated' },
  { name: '', type: 'DNSKEY', says: 'fully validated' },
  { name: '', type: 'MX', says: 'fully validated' },
  { name: 'mail', type: 'A', says: 'fully validated' },
  { name: 'MAIL', type: 'A', says: 'fully validated' },
  { name: 'www', type: 'A', says: 'fully validated' },
  { name: 'mail.old', type: 'A', says: 'fully validated' },
  { name: 'x.wild', type: 'TXT', says: 'fully validated' },
  { name: 'x.y.wild', type: 'TXT', says: 'fully validated' },
  { name: 'x.alias', type: 'A', says: 'fully validated' },
  { name: '_443._tcp', type: 'TLSA', says: 'fully validated' },
  { name: 'odd', type: 'TYPE65280', says: 'fully validated' },
  { name: 'svc', type: 'HTTPS', says: 'fully validated' },
  { name: 'safe', type: 'DS', says: 'fully validated' },
  { name: 'mail', type: 'AAAA', says: 'negative response, fully validated' },
  { name: 'down', type: 'A', says: 'negative response, fully validated' },
  { name: 'x.wild', type: 'A', says: 'negative response, fully validated' },
  { name: 'none', type: 'A', says: 'negative response, fully validated' },
  { name: 'a.b.none', type: 'TXT', says: 'negative response, fully validated' },
  { name: 'cut', type: 'DS', says: 'negative response, fully validated' },
];

for (const denial of denials) {
  peerTest(`delv validates every answer: ${denial}`, ['delv'], async (context) => {
    for (const kind of kinds) {
      const { router, port, folder } = await serveSigned(context, kind, denial);
      const anchors = join(folder, 'anchors');
      writeFileSync(anchors, anchorOf(router));
      const server = ['@127.0.0.1', '-p', String(port), '-a', anchors, `+root=${apex}`];
      await Promise.all(
        questions.map(async ({ name, type, says }) => {
          const owner = name === '' ? apex : `${name}.${apex}`;
          const { stdout, stderr } = await run('delv', [...server, owner, type]);
          const what = `${kind.algorithm} ${owner} ${type}: ${stdout}${stderr}`;
          assert.match(stdout, new RegExp(`^; ${says}$`, 'm'), what);
        }),
      );
    }
  });
}
