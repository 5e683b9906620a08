import { type TestContext, test } from 'node:test';
import { requestTarget } from './fuzz/http-request.ts';
import { responseTarget } from './fuzz/http-response.ts';
import { freshSeed, fuzz, type IFuzzTarget } from './fuzz/run.ts';

const casesPerSeed = 2048;

/** Some cases that are the same in every run, and as many that are not. */
async function runShort(t: TestContext, target: IFuzzTarget): Promise<void> {
  for (const seed of [1, 2, freshSeed()]) {
    const counts = await fuzz(target, seed, (cases) => cases < casesPerSeed);
    const { samples: _, ...numbers } = counts;
    t.diagnostic(`seed ${seed}: ${JSON.stringify(numbers)}`);
  }
}

test('what we accept of generated requests, Node rejects or reads alike', (t) =>
  runShort(t, requestTarget));

test('what we accept of generated responses, Node rejects or reads alike', (t) =>
  runShort(t, responseTarget));
