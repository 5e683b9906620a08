/**
 * What the router's size does to its speed: workers, long lists, a stream of changes.
 * `npm run bench:scale [-- OPTIONS]`; see readme.md beside this file.
 */
import { measureChanges } from './lib/changes.ts';
import { measureLists } from './lib/lists.ts';
import { benchOptions, failOnErrors, newReport } from './lib/options.ts';
import { formatReport } from './lib/report.ts';
import { progress, save } from './lib/rounds.ts';
import { startSite } from './lib/site.ts';
import { measureWorkers } from './lib/workers.ts';

const options = benchOptions({
  name: 'scale',
  fewer: 'entries',
  scenarios: ['workers', 'lists', 'changes'],
  proxies: [],
});
const { rounds, seconds, wanted } = options;
const entries = options.isShort ? 10_000 : 100_000;
const report = await newReport(options);
const site = await startSite();
try {
  if (wanted('workers')) report.scenarios.push(await measureWorkers(site, rounds, seconds));
  if (wanted('lists')) {
    progress(`lists: ${entries} entries`);
    report.scenarios.push(...(await measureLists(site, entries, options)));
  }
  if (wanted('changes')) report.changes = await measureChanges(site, rounds, seconds);
} finally {
  await site.stop();
}

const file = save('scale', report);
console.log(`\n${formatReport(report)}\nWritten to ${file}`);
failOnErrors(report);
