const FNV_PRIME = 0x01000193;

/** Hashes are cut to 30 bits, so that they are small integers on every build of V8. */
const HASH_MASK = 0x3fffffff;

/**
 * Where a text's segments end, as `scan()` found them. Reused from scan to scan, so nothing is
 * allocated.
 */
export class SegmentMarks {
  public readonly ends: number[] = [];
  public readonly hashes: number[] = [];
}

/** An entry of the index; those with the same hash are chained. */
interface ISegmentNode<T> {
  readonly key: string;
  value: T;
  next: ISegmentNode<T> | null;
}

/**
 * Finds the values whose keys are whole leading segments of a text (`/api` of `/api/x`) or, read
 * from the end, whole trailing ones (`example.com` of `a.example.com`).
 *
 * A scan hashes the text once from its side and notes the hash at each separator; it goes no
 * further than the longest and deepest key, so a hostile text costs what the keys cost. No
 * substring is made.
 */
export class SegmentIndex<T> {
  private readonly separator: number;
  private readonly fromEnd: boolean;
  private readonly nodes = new Map<number, ISegmentNode<T>>();
  /** Number of keys with so many separators; the last one is never 0. */
  private readonly depths: number[] = [];
  /** Longest key since the index was empty. */
  private lengthMax = 0;

  /**
   * @param separator one character; it bounds the segments.
   * @param fromEnd false: keys are prefixes, and a key that is the whole text counts as one.
   *   true: keys are suffixes that a separator comes before.
   */
  constructor(separator: string, fromEnd: boolean) {
    this.separator = separator.charCodeAt(0);
    this.fromEnd = fromEnd;
  }

  /** Whether there are no keys. */
  get isEmpty(): boolean {
    return this.depths.length === 0;
  }

  get(key: string): T | undefined {
    return this.find(key)?.value;
  }

  set(key: string, value: T): void {
    const found = this.find(key);
    if (found !== undefined) {
      found.value = value;
      return;
    }
    const hash = this.hashOf(key);
    this.nodes.set(hash, { key, value, next: this.nodes.get(hash) ?? null });
    const depth = this.depthOf(key);
    while (this.depths.length <= depth) this.depths.push(0);
    this.depths[depth] = (this.depths[depth] as number) + 1;
    this.lengthMax = Math.max(this.lengthMax, key.length);
  }

  delete(key: string): void {
    const found = this.find(key);
    if (found === undefined) return;
    const hash = this.hashOf(key);
    const first = this.nodes.get(hash) as ISegmentNode<T>;
    if (first === found) {
      if (found.next === null) this.nodes.delete(hash);
      else this.nodes.set(hash, found.next);
    } else {
      let before = first;
      while (before.next !== null && before.next !== found) before = before.next;
      before.next = found.next;
    }
    const depth = this.depthOf(key);
    this.depths[depth] = (this.depths[depth] as number) - 1;
    while (this.depths.at(-1) === 0) this.depths.pop();
    if (this.isEmpty) this.lengthMax = 0;
  }

  /**
   * Notes the segments of a text; the number of them that `at()` can be asked for, of which the
   * last is the longest.
   */
  scan(text: string, marks: SegmentMarks): number {
    const { separator, fromEnd } = this;
    const depthMax = this.depths.length;
    const { length } = text;
    const limit = length <= this.lengthMax ? length : this.lengthMax + 1;
    let hash = 0;
    let depth = 0;
    for (let index = 0; index < limit && depth < depthMax; index++) {
      const unit = text.charCodeAt(fromEnd ? length - 1 - index : index);
      if (unit === separator) {
        marks.ends[depth] = index;
        marks.hashes[depth] = hash & HASH_MASK;
        depth++;
      }
      hash = Math.imul(hash ^ unit, FNV_PRIME);
    }
    if (!fromEnd && limit === length && depth < depthMax) {
      marks.ends[depth] = length;
      marks.hashes[depth] = hash & HASH_MASK;
      depth++;
    }
    return depth;
  }

  /**
   * The value of the text's leading (trailing) segments up to the mark, from the last scan of this
   * text.
   */
  at(text: string, marks: SegmentMarks, mark: number): T | undefined {
    if (this.depths[mark] === 0) return undefined;
    let node = this.nodes.get(marks.hashes[mark] as number);
    if (node === undefined) return undefined;
    const length = marks.ends[mark] as number;
    do {
      if (
        node.key.length === length &&
        (this.fromEnd ? text.endsWith(node.key) : text.startsWith(node.key))
      ) {
        return node.value;
      }
      node = node.next as ISegmentNode<T>;
    } while (node !== null);
    return undefined;
  }

  private find(key: string): ISegmentNode<T> | undefined {
    let node = this.nodes.get(this.hashOf(key));
    while (node !== undefined && node.key !== key) node = node.next ?? undefined;
    return node;
  }

  private hashOf(key: string): number {
    let hash = 0;
    for (let index = 0; index < key.length; index++) {
      const unit = key.charCodeAt(this.fromEnd ? key.length - 1 - index : index);
      hash = Math.imul(hash ^ unit, FNV_PRIME);
    }
    return hash & HASH_MASK;
  }

  private depthOf(key: string): number {
    let depth = 0;
    for (let index = 0; index < key.length; index++) {
      if (key.charCodeAt(index) === this.separator) depth++;
    }
    return depth;
  }
}
