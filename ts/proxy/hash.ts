const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/**
 * FNV-1a over the text's UTF-16 units, then mixed: a signed 32-bit integer. Not for secrets.
 *
 * @param from index of the first unit that counts.
 */
export function hashText(text: string, from: number): number {
  let hash = FNV_OFFSET;
  for (let index = from; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  }
  return mixHash(hash);
}

/** Spreads every bit of the input over the whole result (the finaliser of MurmurHash3). */
export function mixHash(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

let chanceState = Math.floor(Math.random() * 0x1_0000_0000) | 0;

/**
 * 0 (inclusive) to 1 (exclusive), for balancing; predictable, so not for secrets. Unlike
 * `Math.random()` it allocates nothing (SplitMix with 32 bits).
 */
export function chance(): number {
  chanceState = (chanceState + 0x9e3779b9) | 0;
  return (mixHash(chanceState) >>> 0) / 0x1_0000_0000;
}
