import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkZone } from '../ts/dns/zone/check.ts';
import { loadZone } from '../ts/dns/zone/load-zone.ts';
import { format } from '../ts/dns/zone/master-writer.ts';
import { apexOf, zonesFolder } from './dns/zone-answer.ts';
import { mutate, Random } from './fuzz/random.ts';

const words = [
  '(',
  ')',
  '"',
  '\\',
  ';',
  '\n',
  ' ',
  '@',
  '*',
  '$TTL',
  '$ORIGIN',
  '$GENERATE 1-3',
  '${',
  '\\#',
  '.',
  '..',
  'CNAME',
];

test('loadZone(): mutated files give problems with places in the file, or a zone that comes back', () => {
  let zones = 0;
  for (const file of ['syntax.zone', 'names.zone', 'bind.zone', 'cuts.zone']) {
    const original = readFileSync(join(zonesFolder, file), 'utf8');
    const origin = apexOf(file);
    for (let seed = 1; seed <= 120; seed++) {
      const text = mutate(new Random(seed), original, words);
      const limits = { recordsMax: 2_000 };
      const { zone, problems, placeOf } = loadZone(text, { origin, limits });
      const lines = text.split('\n').length;
      for (const { line, message } of problems.kept) {
        assert.ok(message.length > 0);
        assert.ok(line === undefined || (line >= 1 && line <= lines), `${line} of ${lines}`);
      }
      assert.equal(zone === null, problems.errorCount > 0);
      if (zone === null) continue;
      zones++;
      checkZone(zone, { placeOf });
      const written = format(zone);
      const again = loadZone(written, { origin }).zone;
      assert.equal(again === null ? '' : format(again), written, `${file} ${seed}`);
    }
  }
  assert.ok(zones > 50, String(zones));
});

test('loadZone(): bytes of no meaning are refused', () => {
  const random = new Random(77);
  for (let round = 0; round < 200; round++) {
    const bytes = Buffer.from(Array.from({ length: random.number(300) }, () => random.number(256)));
    assert.equal(loadZone(bytes, { origin: apexOf('a') }).zone, null);
  }
});
