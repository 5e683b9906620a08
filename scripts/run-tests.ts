/**
 * Runs the tests: `npm test [-- FILES… OPTIONS OF node --test…]`, with `--peers` those that need other servers.
 *
 * Finding no file is an error, because `node --test` calls an empty run a success.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const args = process.argv.slice(2);
const peers = args.includes('--peers');
const options = args.filter((arg) => arg.startsWith('-') && arg !== '--peers');
const named = args.filter((arg) => !arg.startsWith('-'));

const patterns = peers
  ? ['test/peers/test.*.ts']
  : ['test/test.*.ts', 'test/hostile/test.*.ts', 'test/regress/test.*.ts'];
const files = named.length > 0 ? named : globSync(patterns).sort();
if (files.length === 0) {
  console.error(`No test file matches ${patterns.join(' ')}`);
  process.exit(1);
}

// Peers put load on the machine, so one file at a time. The last lines of .ci/run must be the
// runner's summary in its plain form, which is TAP's.
const concurrency = peers ? 1 : Math.max(2, availableParallelism());
const timeoutMs = peers ? 600_000 : 180_000;
const reporter = peers && process.env.CI !== undefined ? ['--test-reporter=tap'] : [];

const result = spawnSync(
  process.execPath,
  [
    '--test',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...reporter,
    ...options,
    ...files,
  ],
  { stdio: 'inherit' },
);
process.exit(result.status ?? 1);
