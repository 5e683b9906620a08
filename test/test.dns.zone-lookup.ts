import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatName, parseName } from '../ts/dns/codec/name.ts';
import { recordTypeOf } from '../ts/dns/codec/types.ts';
import { additionalFor } from '../ts/dns/zone/additional.ts';
import { loadZone } from '../ts/dns/zone/load-zone.ts';
import { lookup, type TLookup } from '../ts/dns/zone/lookup.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';

const origin = parseName('example.org.');
const { zone } = loadZone(
  `$TTL 60
@ SOA ns1 h 1 7200 900 1209600 300
 NS ns1
ns1 A 192.0.2.1
www A 192.0.2.2
 TXT x
a.b.c A 192.0.2.3
*.wild A 192.0.2.4
*.wild CAA 0 issue "x"
deep.under.wild A 192.0.2.5
*.alias CNAME www
child NS ns.child
 DS 1 13 2 e2d3c916f6deeac73294e8268fb5885044a833fc5459588f4a9184cfc41a5766
ns.child A 192.0.2.6
d DNAME t
cname CNAME WWW
mx MX 1 ns1
mx MX 2 q.wild
mx MX 3 cname
mx MX 4 elsewhere.example.
`,
  { origin },
) as { zone: Zone };

function look(name: string, type: string): TLookup {
  return lookup(zone, parseName(name, origin), recordTypeOf(type) as number) as TLookup;
}

/** Kind, and the names that matter. */
function summary(result: TLookup): string {
  switch (result.kind) {
    case 'answer': {
      const names = new Set(result.rrsets.map(({ name }) => formatName(name)));
      return `answer ${[...names]} ${result.wildcard === null ? '' : formatName(result.wildcard)}`;
    }
    case 'cname':
      return `cname ${formatName(result.rrset.name)} ${formatName(result.target)}`;
    case 'dname':
      return `dname ${formatName(result.rrset.name)} ${result.target && formatName(result.target)}`;
    case 'delegation':
      return `delegation ${formatName(result.rrset.name)} ${result.ds?.rdatas.length ?? 0}`;
    case 'nodata':
      return `nodata ${result.types} ${formatName(result.closestEncloser)}`;
    case 'nxdomain':
      return `nxdomain ${formatName(result.closestEncloser)}`;
  }
}

const cases = [
  ['WwW', 'A', 'answer WwW.example.org. ', 'the name is as it was asked for'],
  ['www', 'MX', 'nodata 1,16 www.example.org.', 'the types are told'],
  ['www', 'ANY', 'answer www.example.org. ', 'all of a name'],
  ['b.c', 'A', 'nodata  b.c.example.org.', 'an empty non-terminal'],
  ['b.c', 'ANY', 'nodata  b.c.example.org.', 'ANY of it'],
  ['x.b.c', 'A', 'nxdomain b.c.example.org.', 'the closest encloser is empty'],
  ['x.y.z', 'A', 'nxdomain example.org.', 'the closest encloser is the apex'],
  ['x.www', 'A', 'nxdomain www.example.org.', 'the closest encloser has records'],
  ['Q.wild', 'A', 'answer Q.wild.example.org. *.wild.example.org.', 'a wildcard'],
  ['x.y.wild', 'CAA', 'answer x.y.wild.example.org. *.wild.example.org.', 'of many labels'],
  ['q.wild', 'MX', 'nodata 1,257 wild.example.org.', 'nothing of the type at a wildcard'],
  ['under.wild', 'A', 'nodata  under.wild.example.org.', 'what exists hides the wildcard'],
  ['x.under.wild', 'A', 'nxdomain under.wild.example.org.', 'also for what is below it'],
  ['*.wild', 'A', 'answer *.wild.example.org. ', 'the wildcard itself is a name'],
  ['x.*.wild', 'A', 'nxdomain *.wild.example.org.', 'nothing is below it'],
  ['q.alias', 'A', 'cname q.alias.example.org. www.example.org.', 'an alias by wildcard'],
  ['cname', 'CNAME', 'answer cname.example.org. ', 'the alias itself'],
  ['cname', 'ANY', 'answer cname.example.org. ', 'ANY of an alias'],
  ['CHILD', 'A', 'delegation child.example.org. 1', 'the owner is that of the zone'],
  ['x.child', 'DS', 'delegation child.example.org. 1', 'DS below the cut'],
  ['child', 'DS', 'answer child.example.org. ', 'DS at the cut'],
  ['child', 'NS', 'delegation child.example.org. 1', 'NS is the child’s'],
  ['x.d', 'A', 'dname d.example.org. x.t.example.org.', 'below a DNAME'],
  ['d', 'A', 'nodata 39 d.example.org.', 'the owner of a DNAME is not redirected'],
  ['d', 'DNAME', 'answer d.example.org. ', 'the DNAME itself'],
] as const;

for (const [name, type, expected, why] of cases) {
  test(`lookup(${name} ${type}): ${why}`, () => assert.equal(summary(look(name, type)), expected));
}

test('lookup(): a name outside of the zone is not its business', () => {
  assert.equal(lookup(zone, parseName('example.com.'), 1), undefined);
  assert.equal(lookup(zone, parseName('org.'), 1), undefined);
});

test('lookup(): a DNAME that makes a name too long says so', () => {
  const label = 'a'.repeat(63);
  const name = parseName(`${label}.${label}.${label}.${'b'.repeat(46)}.d.example.org.`);
  const result = lookup(zone, name, 1);
  assert.equal(result?.kind === 'dname' && result.target?.length, name.length);
  const long = loadZone(
    '$TTL 60\n@ SOA a b 1 2 1 9 5\n NS a\na A 192.0.2.1\nd DNAME longer.than.d\n',
    { origin },
  ).zone as Zone;
  const other = lookup(long, name, 1);
  assert.equal(other?.kind === 'dname' && other.target, null);
});

test('additionalFor(): addresses of the zone, wildcards too, no alias, each once', () => {
  const result = look('mx', 'MX');
  assert.ok(result.kind === 'answer');
  const names = additionalFor(zone, [...result.rrsets, ...result.rrsets]);
  assert.deepEqual(
    names.map(({ name }) => formatName(name)),
    ['ns1.example.org.', 'q.wild.example.org.'],
  );
});
