import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type IAnswerSigner, ZoneSet } from '../../ts/dns/answer/index.ts';
import { PresignedSigner } from '../../ts/dns/answer/presigned.ts';
import type { IMessage } from '../../ts/dns/codec/message.ts';
import { formatName } from '../../ts/dns/codec/name.ts';
import { rcodeName, recordType } from '../../ts/dns/codec/types.ts';
import { DnssecKey, entryPointFlags, ZoneSigner } from '../../ts/dns/dnssec/index.ts';
import { loadZone } from '../../ts/dns/zone/load-zone.ts';
import { format, formatRrset } from '../../ts/dns/zone/master-writer.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { singleKey } from '../dns/dnssec/signed-zone.ts';
import { decoded, plainEdns, queryFor, zoneOf } from '../dns/query.ts';
import { apexOf, readZone, sectionsText, zonesFolder } from '../dns/zone-answer.ts';
import { serveZones } from '../suites/dns-server.ts';
import { startRouter } from '../suites/web.ts';
import { askAll } from './dns-client.ts';
import { type IPeerZone, serveKnot, serveNamed } from './dns-peers.ts';
import { type IAsked, questionsOf } from './dns-questions.ts';
import { randomZone } from './dns-random-zones.ts';
import { folderFor, peerTest } from './peer.ts';

const peers = ['named', 'knotd'];
const large = { ...plainEdns, udpSize: 4096 };
const options = { udpSizeMax: 4096 };

/** BIND does not read a NS at a wildcard, nor Knot what stands below a DNAME. */
const refused = ['wildns.zone', 'random27.zone'];
/** Zones that lead to each other. */
const linkedFolder = join(import.meta.dirname, 'zones');
const zones = [
  ...readdirSync(zonesFolder)
    .filter((file) => file.endsWith('.zone') && !refused.includes(file))
    .map((file) => readZone(file)),
  ...readdirSync(linkedFolder).map((file) =>
    zoneOf(readFileSync(join(linkedFolder, file), 'utf8'), formatName(apexOf(file))),
  ),
];

const firstSeed = 4_100;
const seedCount = 16;
const randomZones = Array.from({ length: seedCount }, (_, index) => {
  const seed = firstSeed + index;
  const { apex, text } = randomZone(`seed${seed}.test.`, seed);
  return zoneOf(text, apex);
});

/** Few of them: each signature is made twice. */
const signedZones = [...zones, ...randomZones.slice(0, 4)];

const closest = new ZoneSet();
for (const zone of zones) closest.set(zone);

/** The parts of an answer that are compared each for itself. */
interface IComparable {
  readonly outcome: string;
  readonly answer: string;
  readonly authority: string;
  readonly additional: string;
}

type TPart = keyof IComparable;

function comparable(bytes: Buffer | null): IComparable {
  if (bytes === null) return { outcome: 'none', answer: '', authority: '', additional: '' };
  const message = decoded(bytes);
  const { authoritative, truncated } = message;
  const flags = `${authoritative ? ' aa' : ''}${truncated ? ' tc' : ''}`;
  const text = (part: Partial<IMessage>): string => {
    const sections = { answer: [], authority: [], additional: [], ...part };
    return sectionsText({ outcome: '', ...sections }).join('\n');
  };
  return {
    outcome: `${rcodeName(message.rcode)}${flags}`,
    answer: text({ answer: message.answer }),
    authority: text({ authority: message.authority }),
    additional: text({ additional: message.additional }),
  };
}

/**
 * Both leave out that a wildcard which is an empty non-terminal has no records: RFC 4035 §3.1.3.4 wants the NSEC
 * that leads to a name below it.
 */
function provesMore(ours: string, theirs: string): boolean {
  const known = new Set(theirs.split('\n'));
  const more = ours.split('\n').filter((line) => !known.has(line));
  if (more.length !== 2 || ours.split('\n').length !== known.size + 2) return false;
  const [nsec = '', signature = ''] = more;
  return / NSEC \S+\.\*\.| NSEC \*\.\*\./.test(nsec) && / RRSIG nsec /.test(signature);
}

/**
 * Whether an alias leads from one of the zones into another. We follow it, as RFC 1034 §4.3.2 and NSD do; BIND
 * and Knot leave that to whoever asks.
 */
function crossesZones(bytes: Buffer | null): boolean {
  if (bytes === null) return false;
  return decoded(bytes).answer.some(({ name, type, rdata }) => {
    const next = type === recordType.CNAME ? closest.closest(rdata) : undefined;
    return next !== undefined && next !== closest.closest(name);
  });
}

/** Asks all three and compares, part by part, where the two others agree. @returns how often they do. */
async function compare(
  ports: IPorts,
  asked: readonly IAsked[],
  more: Partial<IMessage>,
): Promise<number> {
  const queries = asked.map(({ name, type }) => queryFor(name, type, more));
  const [ours, named, knot] = await Promise.all(
    [ports.ours, ports.named, ports.knot].map((port) => askAll(port, queries)),
  );
  const differences: string[] = [];
  let agreed = 0;
  for (const [index, { name, type }] of asked.entries()) {
    const [own, first, second] = [ours, named, knot].map((answers) =>
      comparable(answers?.[index] ?? null),
    ) as [IComparable, IComparable, IComparable];
    if (crossesZones(ours?.[index] ?? null)) continue;
    for (const part of [
      'outcome',
      'answer',
      'authority',
      'additional',
    ] as const satisfies TPart[]) {
      if (first[part] !== second[part]) continue;
      agreed++;
      if (own[part] === first[part] || provesMore(own[part], first[part])) continue;
      differences.push(`${name} ${type} ${part}\n ours: ${own[part]}\n both: ${first[part]}`);
    }
  }
  assert.equal(differences.length, 0, differences.slice(0, 8).join('\n\n'));
  return agreed / (asked.length * 4);
}

interface IPorts {
  readonly ours: number;
  readonly named: number;
  readonly knot: number;
}

async function servePeers(
  context: TestContext,
  texts: readonly IPeerZone[],
  isMinimal: boolean,
): Promise<Omit<IPorts, 'ours'>> {
  const [named, knot] = await Promise.all([
    serveNamed(context, texts, isMinimal),
    serveKnot(context, texts),
  ]);
  return { named, knot };
}

/** The same zones in a whole router. */
async function serveRouter(
  context: TestContext,
  texts: readonly IPeerZone[],
  minimalResponses: boolean,
): Promise<number> {
  const folder = folderFor(context);
  const { ports } = await startRouter(context, {
    dns: {
      ...options,
      minimalResponses,
      listeners: { dns: { address: '127.0.0.1', port: 0 } },
      zones: texts.map(({ apex, text }, index) => {
        const file = join(folder, String(index));
        writeFileSync(file, text);
        return { name: formatName(apex).slice(0, -1), file };
      }),
    },
  });
  return ports['dns:dns'] ?? 0;
}

for (const isMinimal of [false, true]) {
  const title = `${isMinimal ? 'minimal' : 'full'} answers are those of BIND and Knot, where they agree`;
  peerTest(title, peers, async (context) => {
    const texts = zones.map((zone) => ({ apex: zone.apex, text: format(zone) }));
    const ours = await serveRouter(context, texts, isMinimal);
    const ports = { ours, ...(await servePeers(context, texts, isMinimal)) };
    const foreign = ['example.net', 'test', '.', 'xdnames.test'];
    const asked = [
      ...zones.flatMap((zone) => questionsOf(zone)),
      ...foreign.map((name) => ({ name, type: 'A' })),
    ];
    assert.ok(asked.length > 10_000);
    const share = await compare(ports, asked, { edns: large });
    context.diagnostic(`${asked.length} questions: they agree on ${percent(share)}`);
    assert.ok(share > 0.9);
    const shareOfShort = await compare(ports, asked, {});
    context.diagnostic(`without EDNS on ${percent(shareOfShort)}`);
  });
}

peerTest(
  'random zones are answered as BIND and Knot do, where they agree',
  peers,
  async (context) => {
    const texts = randomZones.map((zone) => ({ apex: zone.apex, text: format(zone) }));
    const ours = await serveRouter(context, texts, false);
    const ports = { ours, ...(await servePeers(context, texts, false)) };
    const asked = randomZones.flatMap((zone) => questionsOf(zone));
    const share = await compare(ports, asked, { edns: large });
    context.diagnostic(`${asked.length} questions: they agree on ${percent(share)}`);
    assert.ok(share > 0.9, `they agree on ${share}`);
    await compare(ports, asked, {});
  },
);

for (const denial of ['nsec', 'nsec3'] as const) {
  const title = `signed answers are those of BIND and Knot, which have our zones with ${denial}`;
  peerTest(title, peers, async (context) => {
    const made = signedZones.map((zone) => signed(zone, denial));
    const texts = made.map(({ zone, signer }) => ({
      apex: zone.apex,
      text: [...signer.transfer(zone)].map(formatRrset).join(''),
    }));
    const minimal = { ...options, minimalResponses: true };
    const { port: ours } = await serveZones(context, made, minimal);
    const ports = { ours, ...(await servePeers(context, texts, true)) };
    // As a secondary has them: with the signatures and the chain that came.
    const kept = texts.map(({ apex, text }) => presigned(apex, text));
    const { port } = await serveZones(context, kept, minimal);
    const asked = signedZones.flatMap((zone) => questionsOf(zone));
    const withSignatures = { edns: { ...large, do: true } };
    const share = await compare(ports, asked, withSignatures);
    await compare({ ...ports, ours: port }, asked, withSignatures);
    await compare(ports, asked, { edns: large });
    await compare({ ...ports, ours: port }, asked, { edns: large });
    context.diagnostic(
      `${asked.length} questions: they agree on ${Math.round(share * 1000) / 10} %`,
    );
    assert.ok(share > 0.8, `they agree on ${share}`);
  });
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function presigned(apex: Buffer, text: string): { zone: Zone; signer: IAnswerSigner } {
  const { zone, problems } = loadZone(text, { origin: apex });
  assert.ok(zone !== null, JSON.stringify(problems.kept));
  const signer = PresignedSigner.of(zone);
  assert.ok(signer !== null);
  return { zone, signer };
}

function signed(zone: Zone, denial: 'nsec' | 'nsec3'): { zone: Zone; signer: ZoneSigner } {
  const key = DnssecKey.generate(13, entryPointFlags);
  const keys = singleKey(key, 300);
  const signer = new ZoneSigner(zone.apex, keys, { denial });
  return { zone: signer.prepare(zone), signer };
}
