/**
 * Runs inside of the namespace: asks servers of its loopback. A line of JSON in (`IAskOrder`), one out: the
 * answers in hex, or null. The parent is `dns-internet.ts`.
 */
import { createInterface } from 'node:readline';
import { askAll } from './dns-client.ts';

/** Whom to ask what, in hex. */
export interface IAskOrder {
  readonly port: number;
  readonly queries: readonly string[];
}

const patience = { timeoutMs: 9_000, triesMax: 2 };

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { port, queries } = JSON.parse(line) as IAskOrder;
    const answers = await askAll(
      port,
      queries.map((query) => Buffer.from(query, 'hex')),
      patience,
    );
    process.stdout.write(
      `${JSON.stringify(answers.map((bytes) => bytes?.toString('hex') ?? null))}\n`,
    );
  }
  process.exit(0);
}
