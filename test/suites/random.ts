/**
 * Random numbers that are the same in every run, for tests (xorshift32).
 *
 * @param seed not 0.
 * @returns gives a whole number from 0 to below `bound`, which is at most 2^32.
 */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * bound);
  };
}
