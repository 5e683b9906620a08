import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import type { IReport } from './report.ts';
import { fail, type IRounds } from './rounds.ts';

/** What a benchmark is called, and what can be chosen of it. */
export interface IBenchmark {
  /** As in `npm run bench:NAME`. */
  name: string;
  /** What `--short` has less of. */
  fewer: string;
  /** What `--only` knows. */
  scenarios: readonly string[];
  /** What `--proxies` knows; empty: there is no such choice. */
  proxies: readonly string[];
  /** What that option is called instead. @default 'proxies' */
  choice?: string;
}

/** What somebody asked for. */
export interface IBenchOptions extends IRounds {
  isShort: boolean;
  /** Whether a scenario is to run. */
  wanted(name: string): boolean;
  /** Names of the proxies that are to be measured. */
  proxies: readonly string[];
}

/**
 * Reads the command line; prints the help, or what is wrong, and ends the process where that is all.
 * From here on, a signal ends what was started, by the exit handlers of the processes.
 */
export function benchOptions(benchmark: IBenchmark): IBenchOptions {
  const { scenarios, proxies: known, choice = 'proxies' } = benchmark;
  const help = helpOf(benchmark);
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      [choice]: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  if (cpus().length < 2) fail('The benchmark needs two cores: one for the proxy, one for the load');
  const isShort = values.short;
  const only = values.only?.split(',') ?? scenarios;
  const chosen = (values as Record<string, unknown>)[choice];
  const proxies = typeof chosen === 'string' ? chosen.split(',') : known;
  const unknown = [
    ...only.filter((name) => !scenarios.includes(name)),
    ...proxies.filter((name) => !known.includes(name)),
  ];
  if (unknown.length > 0) fail(`Unknown "${unknown.join(', ')}"\n${help}`);
  return {
    isShort,
    rounds: Number(values.rounds ?? (isShort ? 1 : 5)),
    seconds: Number(values.seconds ?? (isShort ? 1 : 4)),
    warmUpSeconds: isShort ? 1 : 3,
    wanted: (name) => only.includes(name),
    proxies,
  };
}

/** A report with nothing in it yet; takes a second, to see how idle the machine is. */
export async function newReport({ rounds, seconds }: IRounds): Promise<IReport> {
  return {
    at: new Date().toISOString(),
    machine: await describeMachine(),
    versions: {},
    rounds,
    secondsPerRound: seconds,
    scenarios: [],
    missing: [],
  };
}

/** Ends the benchmark with an error where DcRouter answered with errors. */
export function failOnErrors({ scenarios }: IReport): void {
  const rows = scenarios.flatMap((scenario) => scenario.rows);
  const wrong = rows.filter(({ proxy, median }) => isOurs(proxy) && median.errors > 0);
  if (wrong.length > 0) fail('DcRouter answered with errors');
}

/** Rows of peers, and of the backends themselves, have names of their own. */
function isOurs(proxy: string): boolean {
  return /^(dcrouter|\d+ workers?)\b/.test(proxy);
}

function helpOf({ name, fewer, scenarios, proxies, choice = 'proxies' }: IBenchmark): string {
  const more = proxies.length > 0 ? ` [--${choice} NAMES]` : '';
  return [
    `npm run bench:${name} -- [--short] [--rounds N] [--seconds N] [--only NAMES]${more}`,
    `  --short          one round of a second, fewer ${fewer}: shows that it works, not how fast`,
    '  --rounds N       rounds of every scenario (5)',
    '  --seconds N      seconds of every round (4)',
    `  --only NAMES     of ${scenarios.join(',')}`,
    ...(proxies.length > 0 ? [`  --${choice} NAMES  of ${proxies.join(',')}`] : []),
  ].join('\n');
}
