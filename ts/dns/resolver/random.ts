import { randomFillSync } from 'node:crypto';

/** Gives a whole number from 0 to below `bound`, which is at most 2^32. */
export type TRandom = (bound: number) => number;

const pool = Buffer.alloc(4096);
let at = pool.length;

/**
 * An unpredictable number: ids, ports and case are what a forger has to guess. From a pool, since a
 * call for each number costs more than the query.
 */
export const secureRandom: TRandom = (bound) => {
  // What lies above the largest multiple would make small numbers more likely.
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    if (at + 4 > pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    const word = pool.readUInt32BE(at);
    at += 4;
    if (word < limit) return word % bound;
  }
};
