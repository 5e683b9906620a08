import { Random } from './random.ts';

/** What a fuzz run counts. */
export interface IFuzzCounts {
  cases: number;
  /** Messages that we and Node read alike. */
  same: number;
  /** Cases in which Node gave up earlier than we did. */
  nodeStricter: number;
  /** Cases in which we gave up earlier than Node. */
  weStricter: number;
  /** Messages that we forwarded and Node read as what we meant. */
  forwarded: number;
  /** A few cases in which we gave up earlier, by our status. */
  samples: Map<string, string[]>;
}

/** Makes cases from random numbers and checks them; throws at the first one that is wrong. */
export interface IFuzzTarget {
  generate(random: Random): string;
  /** @returns one error for each case, null where it is right. */
  check(cases: readonly Buffer[], random: Random, counts: IFuzzCounts): Promise<(string | null)[]>;
}

const casesPerBatch = 256;
const samplesPerStatus = 5;

/** Nothing counted. */
export function noCounts(): IFuzzCounts {
  return { cases: 0, same: 0, nodeStricter: 0, weStricter: 0, forwarded: 0, samples: new Map() };
}

/** The bytes as a string literal of ASCII. */
export function printable(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString('latin1'));
  return text.replace(/[\x7f-\xff]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`);
}

/** Notes a case in which we gave up earlier than Node. */
export function noteStricter(counts: IFuzzCounts, status: number, bytes: Buffer): void {
  counts.weStricter++;
  const samples = counts.samples.get(String(status)) ?? [];
  counts.samples.set(String(status), samples);
  if (samples.length < samplesPerStatus) samples.push(printable(bytes));
}

/**
 * Runs cases of one seed.
 *
 * @param goesOn asked before each batch, with the number of cases so far.
 */
export async function fuzz(
  target: IFuzzTarget,
  seed: number,
  goesOn: (cases: number) => boolean,
  counts: IFuzzCounts = noCounts(),
): Promise<IFuzzCounts> {
  const random = new Random(seed);
  for (let cases = 0; goesOn(cases); cases += casesPerBatch) {
    const texts = Array.from({ length: casesPerBatch }, () =>
      Buffer.from(target.generate(random), 'latin1'),
    );
    const errors = await target.check(texts, random, counts);
    counts.cases += casesPerBatch;
    const index = errors.findIndex((error) => error !== null);
    if (index === -1) continue;
    const text = printable(texts[index] as Buffer);
    throw new Error(`Seed ${seed}, case ${cases + index}: ${errors[index]}\n${text}`);
  }
  return counts;
}

/** A seed that is another one in every run. */
export function freshSeed(): number {
  return 1 + Math.floor(Math.random() * 0x7fffffff);
}

/** Runs a target from the command line: `--seconds N` (10), `--seed N` (a fresh one). */
export async function fuzzFromCommandLine(target: IFuzzTarget): Promise<void> {
  const option = (name: string): number | undefined => {
    const index = process.argv.indexOf(`--${name}`);
    return index === -1 ? undefined : Number(process.argv[index + 1]);
  };
  const end = performance.now() + (option('seconds') ?? 10) * 1000;
  const seed = option('seed') ?? freshSeed();
  console.log(`seed ${seed}`);
  const counts = await fuzz(target, seed, () => performance.now() < end);
  const { samples, ...numbers } = counts;
  console.log(numbers);
  for (const [status, texts] of samples) {
    for (const text of texts) console.log(`we refuse with ${status}, Node does not: ${text}`);
  }
}
