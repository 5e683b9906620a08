import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { loadZone } from '../../ts/dns/zone/load-zone.ts';
import { format } from '../../ts/dns/zone/master-writer.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';
import { apexOf, problemsText, readZone, zonesFolder } from '../dns/zone-answer.ts';
import { folderFor, peerTest, run } from './peer.ts';

const checker = 'named-checkzone';

/** What stands in the way of an answer is no matter here: only how the file is read. */
const lenient = ['-i', 'none', '-k', 'ignore', '-m', 'ignore', '-W', 'ignore'];

/** BIND does not read a NS at a wildcard. */
const files = readdirSync(zonesFolder)
  .filter((file) => file.endsWith('.zone'))
  .filter((file) => file !== 'wildns.zone');

peerTest('parse() reads every file as BIND does', [checker], async () => {
  for (const file of files) {
    const apex = `${basename(file, '.zone')}.test`;
    const args = [...lenient, '-q', '-D', '-s', 'full', '-o', '-', apex, join(zonesFolder, file)];
    const { stdout, stderr } = await run(checker, args);
    const theirs = loadZone(stdout, { origin: apexOf(file) });
    assert.deepEqual(theirs.problems.kept, [], `${file} ${stderr}`);
    assert.equal(format(theirs.zone as Zone), format(readZone(file)), file);
  }
});

peerTest('format() writes what BIND reads back the same', [checker], async (context) => {
  const folder = folderFor(context);
  for (const file of files) {
    const apex = `${basename(file, '.zone')}.test`;
    const ours = format(readZone(file));
    writeFileSync(join(folder, file), ours);
    const args = [...lenient, '-q', '-D', '-s', 'full', '-o', '-', apex, join(folder, file)];
    const { stdout, stderr } = await run(checker, args);
    const { zone } = loadZone(stdout, { origin: apexOf(file) });
    assert.ok(zone !== null, `${file} ${stderr}`);
    assert.equal(format(zone), ours, file);
  }
});

peerTest('loadZone() and checkZone() refuse what BIND refuses', [checker], async () => {
  const folder = join(zonesFolder, 'bad');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.zone'))) {
    const apex = `${basename(file, '.zone')}.test`;
    const { code } = await run(checker, [...lenient, apex, join(folder, file)]);
    assert.equal(problemsText(file).includes(' error: '), code !== 0, file);
  }
});
