import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseName } from '../ts/dns/codec/name.ts';
import { loadZone, loadZoneFile } from '../ts/dns/zone/load-zone.ts';
import { SourceFiles } from '../ts/dns/zones/source-files.ts';
import { temporaryFolder } from './suites/web.ts';

const origin = parseName('example.org.');
const head = '$TTL 300\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n';

function firstProblem(text: string | Buffer): string {
  const { zone, problems } = loadZone(text, { origin, fileName: 'a.zone' });
  assert.equal(zone, null);
  const [problem] = problems.kept;
  // Nobody wants megabytes in a line of the log, or in an answer of the API.
  assert.ok(JSON.stringify(problem).length < 1000);
  return `${problem?.line}:${problem?.column}: ${problem?.message}`;
}

test('a word that goes on and on is refused, and quoted in part', () => {
  const tooLong = 'Expected a word of at most 300000 characters';
  assert.equal(firstProblem(`${head}x TXT ${'a'.repeat(1_000_000)}\n`), `5:7: ${tooLong}`);
  assert.equal(firstProblem(`${head}x TXT "${'a'.repeat(1_000_000)}"\n`), `5:7: ${tooLong}`);
  assert.equal(firstProblem(`${head}${'a.'.repeat(500_000)} A 192.0.2.1\n`), `5:1: ${tooLong}`);
  assert.equal(
    firstProblem(Buffer.concat([Buffer.from(head), Buffer.alloc(1_000_000)])),
    `5:1: ${tooLong}`,
  );
  assert.match(firstProblem(`${head}x TXT ${'a'.repeat(200_000)}\n`), /^5:7: TXT: Expected .*…"$/);
  assert.match(
    firstProblem(`${head}${'a'.repeat(200_000)} A 192.0.2.1\n`),
    /^5:1: Expected an owner/,
  );
  assert.match(
    firstProblem(`${head}x A${'a'.repeat(200_000)} 192.0.2.1\n`),
    /^5:3: Expected a TTL/,
  );
  assert.match(
    firstProblem(`${head}$A${'a'.repeat(200_000)} 192.0.2.1\n`),
    /^5:1: Expected one of/,
  );
});

test('the longest data is read, in whatever form', () => {
  const hex = `x TYPE65280 \\# 65535 ${'ab'.repeat(65_535)}\n`;
  const text = `y TXT ${Array(255)
    .fill(`"${'\\200'.repeat(255)}"`)
    .join(' ')}\n`;
  const { zone, problems } = loadZone(head + hex + text, { origin });
  assert.deepEqual(problems.kept, []);
  assert.equal(zone?.recordCount, 5);
});

test('bytes that are no UTF-8 stay what they are', () => {
  const bytes = Buffer.concat([
    Buffer.from(`${head}x TXT "`),
    Buffer.from([0xff, 0x80, 0x7f, 0xc3, 0x41]),
    Buffer.from('"\n'),
    Buffer.from('; \xe4\n'.repeat(20_000), 'latin1'),
    Buffer.from('y TXT "\xfc"\n', 'latin1'),
  ]);
  const { zone } = loadZone(bytes, { origin });
  const data = (name: string) =>
    zone?.rrset(parseName(name, origin), 16)?.rdatas[0]?.toString('hex');
  assert.equal(data('x'), '05ff807fc341');
  assert.equal(data('y'), '01fc');
});

test('a device, a FIFO and a folder are no zone files, and are not waited for', async (context) => {
  const folder = temporaryFolder(context);
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const file of ['/dev/zero', fifo, folder]) {
    await assert.rejects(loadZoneFile(file, origin), /no regular file/);
    await assert.rejects(new SourceFiles().read(file), /no regular file/);
    const including = path.join(folder, 'including.zone');
    writeFileSync(including, `${head}$INCLUDE ${file}\n`);
    const { zone, problems } = await loadZoneFile(including, origin);
    assert.equal(zone, null);
    assert.match(problems.kept[0]?.message ?? '', /Cannot read .*no regular file/);
    assert.equal(problems.kept[0]?.line, 5);
  }
});

test('files that include themselves many times let others run', async (context) => {
  const file = path.join(temporaryFolder(context), 'self.zone');
  writeFileSync(file, '$INCLUDE self.zone\n'.repeat(20));
  let turns = 0;
  let isOver = false;
  const next = (): void => {
    turns++;
    if (!isOver) setImmediate(next);
  };
  next();
  const { zone, problems } = await loadZoneFile(file, origin, { limits: { includesMax: 2000 } });
  isOver = true;
  assert.equal(zone, null);
  assert.ok(problems.errorCount > 1000);
  assert.ok(turns > 3, `${turns} turns`);
});

test('a text from elsewhere cannot make millions of records of one line', () => {
  const half = '$GENERATE 1-100000 a$ A 192.0.2.1\n$GENERATE 1-100000 b$ A 192.0.2.1\n';
  assert.equal(
    firstProblem(`${head}${half}$GENERATE 1-1 c$ A 192.0.2.1\n`),
    '7:11: More than 200000 generated records',
  );
  assert.match(
    firstProblem(`${head}$GENERATE 1-9000000 a$ A 192.0.2.1\n`),
    /^5:11: More than 200000/,
  );
  // Of the operator's own files nothing but the count of all records is bounded.
  const limits = { recordsMax: 300_003 };
  const readInclude = () => assert.fail('nothing is included');
  const text = `${head}$GENERATE 1-300000 a$ A 192.0.2.1\n`;
  assert.equal(loadZone(text, { origin, limits, readInclude }).zone?.recordCount, 300_003);
});
