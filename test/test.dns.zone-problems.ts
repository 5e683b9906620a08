import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { checkZone } from '../ts/dns/zone/check.ts';
import { loadZone } from '../ts/dns/zone/load-zone.ts';
import type { Zone } from '../ts/dns/zone/zone.ts';
import { ZoneProblems, zoneProblemsMax } from '../ts/dns/zone/zone-problem.ts';
import { problemsText, readZone, zonesFolder } from './dns/zone-answer.ts';

const folder = join(zonesFolder, 'bad');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.zone'))) {
  test(`loadZone() and checkZone() of ${file} find what is expected`, () => {
    assert.equal(problemsText(file), readFileSync(join(folder, `${file}.expected`), 'utf8'));
  });
}

test('checkZone(): the zones that other servers answer from have no errors', () => {
  const files = readdirSync(zonesFolder).filter((name) => name.endsWith('.zone'));
  // Those have data below a DNAME, which BIND alone serves as RFC 6672 wants.
  const odd = new Set(['random12.zone', 'random27.zone', 'random33.zone', 'random57.zone']);
  for (const file of files.filter((name) => !odd.has(name))) {
    const errors = checkZone(readZone(file)).kept.filter(({ severity }) => severity === 'error');
    assert.deepEqual(errors, [], file);
  }
});

const head = '$TTL 60\n@ SOA ns1 h 1 7200 900 1209600 300\n NS ns1\nns1 A 192.0.2.1\n';
const origin = parseName('example.org.');

test('loadZone(): no zone comes out of a file with an error', () => {
  assert.notEqual(loadZone(head, { origin }).zone, null);
  assert.equal(loadZone(`${head}www A 1\n`, { origin }).zone, null);
});

test('loadZone(): of a flood of errors the first are kept and all are counted', () => {
  const { problems } = loadZone(head + 'www B 1\n'.repeat(20_000), { origin });
  assert.equal(problems.errorCount, 20_000);
  assert.equal(problems.kept.length, zoneProblemsMax);
});

test('checkZone(): the serial must be above that of the version which is served', () => {
  const zoneOf = (serial: number, more = ''): Zone =>
    loadZone(head.replace(' 1 7200', ` ${serial} 7200`) + more, { origin }).zone as Zone;
  const warnings = (zone: Zone, previous: Zone): string[] =>
    checkZone(zone, { previous }).kept.map(({ message }) => message);
  const previous = zoneOf(10);
  assert.deepEqual(warnings(zoneOf(10), previous), []);
  assert.deepEqual(warnings(zoneOf(11, 'www A 192.0.2.2\n'), previous), []);
  for (const serial of [9, 10, 10 + 2 ** 31]) {
    const [warning] = warnings(zoneOf(serial, 'www A 192.0.2.2\n'), previous);
    assert.match(warning ?? '', /^The serial \d+ is not above 10: /);
  }
});

test('checkZone(): the chain of hashes may be below a DNAME at the apex, nothing else may', () => {
  const hash = '2vptu5timamqttgl4luu9kg21e0aor3s';
  const text = `$TTL 60\n@ SOA ns.test. h 1 7200 900 1209600 300\n@ NS ns.test.\n@ DNAME other.test.\n`;
  const errors = (more: string): number => {
    const { zone } = loadZone(`${text}${more}\n`, { origin });
    return checkZone(zone as Zone).errorCount;
  };
  assert.equal(errors(`${hash} NSEC3 1 0 0 - ${hash} SOA NS DNAME`), 0);
  assert.equal(errors(`a${hash} A 192.0.2.1`), 1);
});

test('checkZone(): a forgotten dot is found, names of one label aside', () => {
  const text = `${head}a CNAME www.example.org\nb.example.org A 192.0.2.1\n`;
  const zone = loadZone(text, { origin }).zone as Zone;
  const { kept } = checkZone(zone);
  assert.deepEqual(
    kept.map(({ path }) => path),
    ['a.example.org. CNAME', 'b.example.org.example.org. A'],
  );
  const short = loadZone(`${head}a.org A 192.0.2.1\n`, { origin: parseName('org.') }).zone as Zone;
  assert.deepEqual(checkZone(short).kept, []);
});

test('ZoneProblems.format(): place, severity, path, message, hint', () => {
  const problem = { severity: 'error', path: 'a. A', message: 'No', file: 'f', line: 3 } as const;
  assert.equal(ZoneProblems.format(problem), 'f:3: error: a. A: No');
  const hinted = { severity: 'warning', path: '', message: 'No', suggestion: 'yes' } as const;
  assert.equal(ZoneProblems.format(hinted), 'warning: No; did you mean "yes"?');
  const text = { severity: 'error', path: 'a.', message: 'No', line: 3, column: 4 } as const;
  assert.equal(ZoneProblems.format(text), 'line 3:4: error: a.: No');
});
