/**
 * What the router's size does to its speed: workers, long lists, a stream of changes.
 * `npm run bench:scale [-- OPTIONS]`; see readme.md beside this file.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureChanges } from './lib/changes.ts';
import { measureLists } from './lib/lists.ts';
import { describeMachine } from './lib/machine.ts';
import { formatReport, type IReport } from './lib/report.ts';
import { fail, progress, save } from './lib/rounds.ts';
import { startSite } from './lib/site.ts';
import { measureWorkers } from './lib/workers.ts';

const help = `npm run bench:scale -- [--short] [--rounds N] [--seconds N] [--only NAMES]
  --short      one round of a second, fewer entries: shows that it works, not how fast
  --rounds N   rounds of every scenario (5)
  --seconds N  seconds of every round (4)
  --only NAMES of workers,lists,changes`;

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
if (cpus().length < 2) fail('The benchmark needs two cores: one for the proxy, one for the load');

const rounds = Number(values.rounds ?? (values.short ? 1 : 5));
const seconds = Number(values.seconds ?? (values.short ? 1 : 4));
const settings = { rounds, seconds, warmUpSeconds: values.short ? 1 : 3 };
const entries = values.short ? 10_000 : 100_000;
const names = values.only?.split(',');
const wanted = (name: string): boolean => names === undefined || names.includes(name);

const report: IReport = {
  at: new Date().toISOString(),
  machine: await describeMachine(),
  versions: {},
  rounds,
  secondsPerRound: seconds,
  scenarios: [],
  missing: [],
};
const site = await startSite();
try {
  if (wanted('workers')) report.scenarios.push(await measureWorkers(site, rounds, seconds));
  if (wanted('lists')) {
    progress(`lists: ${entries} entries`);
    report.scenarios.push(...(await measureLists(site, entries, settings)));
  }
  if (wanted('changes')) report.changes = await measureChanges(site, rounds, seconds);
} finally {
  await site.stop();
}

const file = save('scale', report);
console.log(`\n${formatReport(report)}\nWritten to ${file}`);
if (report.scenarios.some(({ rows }) => rows.some(({ median }) => median.errors > 0))) {
  fail('DcRouter answered with errors');
}
