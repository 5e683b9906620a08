/** Programs that the internet is made of. */
export const netPeers = [
  ...['ip', 'named', 'nsd', 'knotd', 'unbound'],
  ...['dnssec-signzone', 'dnssec-keygen', 'dnssec-dsfromkey', 'named-compilezone'],
];

/** How a zone is signed. */
export interface ISigning {
  readonly algorithm: 'RSASHA256' | 'RSASHA512' | 'ECDSAP256SHA256' | 'ECDSAP384SHA384' | 'ED25519';
  readonly denial?: 'nsec' | 'nsec3' | 'opt-out' | 'rounds';
  /** Its signatures ended yesterday, or begin tomorrow. */
  readonly isLate?: 'ended' | 'early';
  /** The DS at its parent: of another key, of an algorithm that nobody knows, or none. */
  readonly ds?: 'wrong' | 'unknown' | 'none';
  /** What is done to the master file after signing. */
  readonly spoil?: (text: string) => string;
}

/** A zone of the internet. */
export interface INetZone {
  /** Absolute. */
  readonly name: string;
  /** Who serves it, and where: each server has one address. */
  readonly at: string;
  readonly records: string;
  readonly signing?: ISigning;
  /** DS that is put in by hand: the zone itself is not signed. */
  readonly hasDs?: boolean;
}

/** Addresses of the servers. */
export const places = {
  root: ['10.53.0.1', '10.53.0.2'],
  lab: '10.53.0.3',
  opt: '10.53.0.4',
  plain: '10.53.0.5',
  leaf: '10.53.1.1',
  leafNsd: '10.53.1.2',
  leafKnot: '10.53.1.3',
  /** BIND without any zone: it refuses. */
  empty: '10.53.1.9',
} as const;

/** Servers with a fault each, in front of the leaf. */
export const faultPlaces = {
  dropsEdns: '10.53.2.1',
  refusesEdns: '10.53.2.2',
  onlyTcp: '10.53.2.3',
  slow: '10.53.2.4',
  deniesParents: '10.53.2.5',
  adds: '10.53.2.6',
  silent: '10.53.2.7',
  foldsCase: '10.53.2.8',
  fails: '10.53.2.9',
  spoofed: '10.53.2.10',
  cutsShort: '10.53.2.11',
  onlyUdp: '10.53.2.12',
  refusesShort: '10.53.2.13',
} as const;

const { lab, leaf, leafNsd, leafKnot, empty } = places;
const ecdsa = { algorithm: 'ECDSAP256SHA256' } as const;

/** A zone that a server with a fault serves. */
function behind(name: string, servers: readonly string[]): [zone: INetZone, delegation: string] {
  const records = `@ NS ns1\nns1 A ${servers[0]}\n${hosts}\na.b.c A 192.0.2.77\nbig TXT ${big()}`;
  const zone = { name: `${name}.lab.`, at: leaf, records };
  const lines = servers.map((address, index) => {
    return `${name} NS ns${index + 1}.${name}\nns${index + 1}.${name} A ${address}`;
  });
  return [zone, lines.join('\n')];
}

function big(): string {
  return Array.from(
    { length: 12 },
    (_, index) => `"${String(index % 10).repeat(180 - index)}"`,
  ).join(' ');
}

const hosts = `
@ MX 10 mail
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
mail A 192.0.2.3
txt TXT "one" "two"
*.wild A 192.0.2.4
*.wild TXT "wild"
deep.under.here A 192.0.2.5
alias CNAME www
outside CNAME www.plain.
nowhere CNAME nothing
loop1 CNAME loop2
loop2 CNAME loop1
self CNAME self
`;

/** Names that each zone with `hosts` is asked for. */
export const hostQuestions = [
  ['@', 'SOA', 'NS', 'MX', 'A', 'DS', 'DNSKEY'],
  ['www', 'A', 'AAAA', 'TXT', 'DS'],
  ['WwW', 'A'],
  ['txt', 'TXT', 'A'],
  ['one.wild', 'A', 'TXT', 'AAAA'],
  ['wild', 'A'],
  ['under.here', 'A'],
  ['here', 'A'],
  ['deep.under.here', 'A'],
  ['x.deep.under.here', 'A'],
  ['alias', 'A', 'AAAA', 'MX', 'CNAME'],
  ['outside', 'A', 'TXT'],
  ['nowhere', 'A'],
  ['loop1', 'A'],
  ['self', 'A'],
  ['nothing', 'A', 'TXT'],
  ['very.deep.nothing', 'A'],
] as const;

const faulty = [
  behind('dropsedns', [faultPlaces.dropsEdns]),
  behind('refusesedns', [faultPlaces.refusesEdns]),
  behind('onlytcp', [faultPlaces.onlyTcp]),
  behind('slow', [faultPlaces.slow]),
  behind('deniesparents', [faultPlaces.deniesParents]),
  behind('adds', [faultPlaces.adds]),
  behind('foldscase', [faultPlaces.foldsCase]),
  behind('spoofed', [faultPlaces.spoofed]),
  behind('cutsshort', [faultPlaces.cutsShort]),
  behind('onlyudp', [faultPlaces.onlyUdp]),
  behind('refusesshort', [faultPlaces.refusesShort]),
  behind('halfdead', [faultPlaces.silent, leaf]),
  behind('halflame', [empty, leaf]),
  behind('halffailing', [faultPlaces.fails, leaf]),
];

const chain = Array.from({ length: 8 }, (_, index) => {
  return `c${index} CNAME c${index + 1}.${index % 2 === 0 ? 'hashed' : 'signed'}.lab.`;
});
const long = Array.from({ length: 14 }, (_, index) => `l${index} CNAME l${index + 1}`);

/** All zones but the root, parents first. */
export const netZones: readonly INetZone[] = [
  {
    name: 'lab.',
    at: lab,
    signing: ecdsa,
    records: `@ NS ns
ns A ${lab}
signed NS ns.signed
ns.signed A ${leaf}
hashed NS ns.hashed
ns.hashed A ${leaf}
rounds NS ns.rounds
ns.rounds A ${leaf}
p384 NS ns.signed
rsa NS ns.signed
ended NS ns.signed
early NS ns.signed
wrongkey NS ns.signed
unknownkey NS ns.signed
island NS ns.signed
stripped NS ns.signed
forged NS ns.signed
undenied NS ns.signed
unsigned NS ns.signed
nsd NS ns.nsd
ns.nsd A ${leafNsd}
nsdsigned NS ns.nsd
glueless NS ns.nsd.lab.
glueless NS host.unsigned.lab.
outer NS www.plain.
outer NS ns.hosting.plain.
ring1 NS ns.ring2
ring2 NS ns.ring1
lame NS ns.lame
ns.lame A ${empty}
dead NS ns.dead
ns.dead A ${faultPlaces.silent}
failing NS ns.failing
ns.failing A ${faultPlaces.fails}
nowhere NS ns.nothing
tohere NS ns.tohere
ns.tohere A 127.0.0.1
${faulty.map(([, delegation]) => delegation).join('\n')}
`,
  },
  {
    name: 'opt.',
    at: places.opt,
    signing: { algorithm: 'ECDSAP256SHA256', denial: 'opt-out' },
    records: `@ NS ns
ns A ${places.opt}
signed NS ns.signed
ns.signed A ${leafKnot}
plain NS ns.plain
ns.plain A ${leafKnot}
plain2 NS ns.plain
deep.down.plain3 NS ns.plain
www A 192.0.2.9
`,
  },
  {
    name: 'plain.',
    at: places.plain,
    records: `@ NS ns\nns A ${places.plain}\nns.hosting A ${leaf}\nwww A 198.51.100.1\nback CNAME www.signed.lab.
far CNAME www.ended.lab.\n*.any CNAME www.signed.lab.\nsub NS ns.sub\nns.sub A ${leafNsd}\n`,
  },
  { name: 'sub.plain.', at: leafNsd, records: `@ NS ns\nns A ${leafNsd}${hosts}` },
  {
    name: 'signed.lab.',
    at: leaf,
    signing: ecdsa,
    records: `@ NS ns\nns A ${leaf}${hosts}
same NS ns
open NS ns
open2 NS ns.nsd.lab.
moved DNAME hashed.lab.
astray DNAME plain.
d2 DNAME moved
toended CNAME www.ended.lab.
toopen CNAME www.open
tolame CNAME www.lame.lab.
towild CNAME host.wild.hashed.lab.
tonone CNAME nothing.hashed.lab.
tonodata CNAME txt.hashed.lab.
${chain.filter((_, index) => index % 2 === 0).join('\n')}
c8 A 192.0.2.80
${long.join('\n')}
l14 A 192.0.2.81
caa CAA 0 issue "ca.example"
_443._tcp.www TLSA 3 1 1 ${'ab'.repeat(32)}
_http._tcp SRV 10 5 80 www
svc HTTPS 1 . alpn=h2
odd TYPE65280 \\# 3 010203
big TXT ${big()}
a\\.b A 192.0.2.90
*.cname.star CNAME www
sub.*.odd A 192.0.2.91
`,
  },
  { name: 'same.signed.lab.', at: leaf, signing: ecdsa, records: `@ NS ns\nns A ${leaf}${hosts}` },
  { name: 'open.signed.lab.', at: leaf, records: `@ NS ns\nns A ${leaf}${hosts}` },
  { name: 'open2.signed.lab.', at: leafNsd, records: `@ NS ns.nsd.lab.\n${hosts}` },
  {
    name: 'hashed.lab.',
    at: leaf,
    signing: { algorithm: 'ED25519', denial: 'nsec3' },
    records: `@ NS ns\nns A ${leaf}${hosts}
open NS ns
${chain.filter((_, index) => index % 2 === 1).join('\n')}
dn DNAME signed.lab.
`,
  },
  { name: 'open.hashed.lab.', at: leaf, records: `@ NS ns\nns A ${leaf}${hosts}` },
  {
    name: 'rounds.lab.',
    at: leaf,
    signing: { algorithm: 'ECDSAP256SHA256', denial: 'rounds' },
    records: `@ NS ns\nns A ${leaf}${hosts}`,
  },
  ...(['ECDSAP384SHA384', 'RSASHA512'] as const).map((algorithm) => ({
    name: algorithm === 'RSASHA512' ? 'rsa.lab.' : 'p384.lab.',
    at: leaf,
    signing: { algorithm },
    records: `@ NS ns.signed.lab.${hosts}`,
  })),
  ...(['ended', 'early'] as const).map((isLate) => ({
    name: `${isLate}.lab.`,
    at: leaf,
    signing: { ...ecdsa, isLate },
    records: `@ NS ns.signed.lab.${hosts}`,
  })),
  ...(['wrong', 'unknown', 'none'] as const).map((ds) => ({
    name: `${ds === 'none' ? 'island' : `${ds}key`}.lab.`,
    at: leaf,
    signing: { ...ecdsa, ds },
    records: `@ NS ns.signed.lab.${hosts}`,
  })),
  {
    name: 'stripped.lab.',
    at: leaf,
    // The signature of one record set is not there.
    signing: { ...ecdsa, spoil: (text) => text.replace(/^www\S*\s.*RRSIG\s+A .*\n/m, '') },
    records: `@ NS ns.signed.lab.${hosts}`,
  },
  {
    name: 'forged.lab.',
    at: leaf,
    signing: { ...ecdsa, spoil: (text) => text.replaceAll('192.0.2.1', '192.0.2.66') },
    records: `@ NS ns.signed.lab.${hosts}`,
  },
  {
    name: 'undenied.lab.',
    at: leaf,
    // No name is denied, nor any type.
    signing: { ...ecdsa, spoil: (text) => text.replace(/^.*\sNSEC\s.*\n/gm, '') },
    records: `@ NS ns.signed.lab.${hosts}`,
  },
  {
    name: 'unsigned.lab.',
    at: leaf,
    hasDs: true,
    records: `@ NS ns.signed.lab.\nhost A ${leaf}${hosts}`,
  },
  { name: 'nsd.lab.', at: leafNsd, records: `@ NS ns\nns A ${leafNsd}${hosts}\nbig TXT ${big()}` },
  {
    name: 'nsdsigned.lab.',
    at: leafNsd,
    signing: { algorithm: 'ECDSAP256SHA256', denial: 'nsec3' },
    records: `@ NS ns.nsd.lab.${hosts}\nbig TXT ${big()}`,
  },
  { name: 'glueless.lab.', at: leafNsd, records: `@ NS ns.nsd.lab.${hosts}` },
  { name: 'outer.lab.', at: leaf, records: `@ NS ns.hosting.plain.${hosts}` },
  ...faulty.map(([zone]) => zone),
  {
    name: 'signed.opt.',
    at: leafKnot,
    signing: { algorithm: 'ECDSAP256SHA256', denial: 'nsec3' },
    records: `@ NS ns\nns A ${leafKnot}${hosts}`,
  },
  { name: 'plain.opt.', at: leafKnot, records: `@ NS ns\nns A ${leafKnot}${hosts}` },
  { name: 'plain2.opt.', at: leafKnot, records: `@ NS ns.plain.opt.${hosts}` },
  { name: 'deep.down.plain3.opt.', at: leafKnot, records: `@ NS ns.plain.opt.${hosts}` },
];

/** The root. */
export const rootZone: INetZone = {
  name: '.',
  at: places.root[0],
  signing: { algorithm: 'RSASHA256' },
  records: `@ NS a.root.
@ NS b.root.
a.root. A ${places.root[0]}
b.root. A ${places.root[1]}
lab. NS ns.lab.
ns.lab. A ${lab}
opt. NS ns.opt.
ns.opt. A ${places.opt}
plain. NS ns.plain.
ns.plain. A ${places.plain}
`,
};

/** Further questions: name and type. */
export const moreQuestions: readonly (readonly [name: string, type: string])[] = [
  ['.', 'NS'],
  ['.', 'SOA'],
  ['.', 'DNSKEY'],
  ['.', 'A'],
  ['nothing.', 'A'],
  ['www.nothing.', 'A'],
  ['root.', 'A'],
  ['a.root.', 'A'],
  ['www.moved.signed.lab.', 'A'],
  ['alias.moved.signed.lab.', 'A'],
  ['nothing.moved.signed.lab.', 'A'],
  ['x.wild.moved.signed.lab.', 'A'],
  ['moved.signed.lab.', 'A'],
  ['moved.signed.lab.', 'DNAME'],
  ['www.astray.signed.lab.', 'A'],
  ['nothing.astray.signed.lab.', 'A'],
  ['www.d2.signed.lab.', 'A'],
  ['www.dn.hashed.lab.', 'A'],
  ['toended.signed.lab.', 'A'],
  ['toopen.signed.lab.', 'A'],
  ['tolame.signed.lab.', 'A'],
  ['towild.signed.lab.', 'A'],
  ['towild.signed.lab.', 'AAAA'],
  ['tonone.signed.lab.', 'A'],
  ['tonodata.signed.lab.', 'A'],
  ['c0.signed.lab.', 'A'],
  ['c3.hashed.lab.', 'A'],
  ['l0.signed.lab.', 'A'],
  ['l6.signed.lab.', 'A'],
  ['caa.signed.lab.', 'CAA'],
  ['_443._tcp.www.signed.lab.', 'TLSA'],
  ['_http._tcp.signed.lab.', 'SRV'],
  ['svc.signed.lab.', 'HTTPS'],
  ['odd.signed.lab.', 'TYPE65280'],
  ['big.signed.lab.', 'TXT'],
  ['a\\.b.signed.lab.', 'A'],
  ['a.b.signed.lab.', 'A'],
  ['x.cname.star.signed.lab.', 'A'],
  ['x.y.cname.star.signed.lab.', 'TXT'],
  ['sub.*.odd.signed.lab.', 'A'],
  ['x.odd.signed.lab.', 'A'],
  ['*.wild.signed.lab.', 'A'],
  ['*.wild.hashed.lab.', 'TXT'],
  ['*.nothing.hashed.lab.', 'TXT'],
  ['same.signed.lab.', 'DS'],
  ['open.signed.lab.', 'DS'],
  ['open2.signed.lab.', 'NS'],
  ['open.hashed.lab.', 'DS'],
  ['big.nsd.lab.', 'TXT'],
  ['big.nsdsigned.lab.', 'TXT'],
  ['back.plain.', 'A'],
  ['back.plain.', 'MX'],
  ['far.plain.', 'A'],
  ['some.any.plain.', 'A'],
  ['ns.nothing.lab.', 'A'],
  ['www.lame.lab.', 'A'],
  ['www.dead.lab.', 'A'],
  ['www.failing.lab.', 'A'],
  ['www.nowhere.lab.', 'A'],
  ['www.ring1.lab.', 'A'],
  ['www.tohere.lab.', 'A'],
  ['lame.lab.', 'DS'],
  ['dead.lab.', 'DS'],
  ['ring1.lab.', 'DS'],
  ['opt.', 'DS'],
  ['plain.', 'DS'],
  ['www.opt.', 'A'],
  ['www.opt.', 'TXT'],
  ['nothing.opt.', 'A'],
  ['a.nothing.opt.', 'A'],
  ['plain.opt.', 'DS'],
  ['plain3.opt.', 'A'],
  ['down.plain3.opt.', 'A'],
  ['ns.plain.opt.', 'A'],
];

/** Names of zones that nobody answers for, be it that we do not go without EDNS. */
export const deadNames = /(?:^|\.)(?:dropsedns|dead|onlyudp)\.lab\.$/;

/** What zones whose servers have a fault are asked for. */
export const faultyQuestions: readonly (readonly [name: string, type: string])[] = faulty.flatMap(
  ([{ name: zone }]) => {
    const owners = [
      'a.b.c',
      'b.c',
      'www',
      'one.wild',
      'under.here',
      'outside',
      'very.deep.nothing',
    ];
    const addresses = owners.map((owner) => [`${owner}.${zone}`, 'A'] as const);
    return [[zone, 'SOA'], [`big.${zone}`, 'TXT'], [`txt.${zone}`, 'MX'], ...addresses] as const;
  },
);

/** Zones whose servers have no fault, and that have what `hostQuestions` ask for. */
export const soundZones = netZones.filter(({ name, records }) => {
  return records.includes(hosts) && !faulty.some(([zone]) => zone.name === name);
});
