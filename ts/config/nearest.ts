/**
 * Finds the accepted word that somebody probably meant, or undefined when none is near.
 *
 * Case, `-`, `_` and blanks do not count; otherwise up to a third of the letters may be wrong,
 * swapped, missing or too many. Among equally near words the first wins.
 */
export function nearest(word: string, accepted: Iterable<string>): string | undefined {
  // A long text is no misspelt word, and comparing it would cost the square of its length.
  if (word.length > 64) return undefined;
  const wanted = plain(word);
  if (wanted === '') return undefined;
  let best: string | undefined;
  let bestDistance = Math.floor((wanted.length + 1) / 3) + 1;
  for (const candidate of accepted) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/**
 * Counts the edits between two words: insertions, deletions, substitutions and swaps of neighbours
 * (Damerau-Levenshtein, each part changed at most once).
 */
export function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, at(beforeLast, column - 2) + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, to.length);
}

function at(row: number[], column: number): number {
  return row[column] ?? 0;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '');
}
