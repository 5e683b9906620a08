import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ourAnswer, parseAnswers, readZone, zonesFolder } from './dns/zone-answer.ts';

const files = readdirSync(zonesFolder).filter((file) => file.endsWith('.zone'));

test('there are zones with answers', () => assert.ok(files.length >= 20));

for (const file of files) {
  const answers = readFileSync(join(zonesFolder, file.replace('.zone', '.answers')), 'utf8');
  // The first line says who: `record-answers.ts` wrote it.
  const who = answers.slice(2, answers.indexOf('\n')).toLowerCase();

  test(`lookup() in ${file}: ${who}`, () => {
    const zone = readZone(file);
    const agreed = parseAnswers(answers);
    assert.ok(agreed.length > 50);
    for (const { name, type, answer } of agreed) {
      assert.deepEqual(ourAnswer(zone, { name, type }), answer, `${name} ${type}`);
    }
  });
}
