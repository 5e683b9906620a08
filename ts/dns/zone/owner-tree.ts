/** Up to this many owners or children in one node of the tree. */
const itemsMax = 64;
/** A leaf with more bytes than this is cut, however few owners it has. */
const leafBytesMax = 16_384;
/** A node below this looks for a neighbour to join. */
const itemsLow = 16;

interface ILeaf {
  readonly keys: readonly string[];
  /** The data of all keys behind each other. */
  readonly bytes: Buffer;
  /** Where the data of each key ends. */
  readonly ends: readonly number[];
}

interface IBranch {
  /** The first key below each child. */
  readonly keys: readonly string[];
  readonly children: readonly TTreeNode[];
}

type TTreeNode = ILeaf | IBranch;

/** Where the data of a key lies. */
export interface IOwnerPlace {
  readonly key: string;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Keys in order, each with bytes: a B+ tree that never changes. A change makes a new tree that
 * shares all but a few nodes with the old one, which stays good for whoever still reads it.
 *
 * The data of a leaf's owners is one block of memory: a million small records cost the garbage
 * collector a few ten thousand objects, and about 100 bytes each in all.
 */
export class OwnerTree {
  /** A tree without keys. */
  static readonly empty = new OwnerTree({ keys: [], bytes: Buffer.alloc(0), ends: [] }, 0);

  /** Keys in the tree. */
  readonly size: number;
  private readonly root: TTreeNode;

  private constructor(root: TTreeNode, size: number) {
    this.root = root;
    this.size = size;
  }

  /** Makes a tree out of keys that come in ascending order, each once. */
  static build(entries: Iterable<readonly [key: string, data: Buffer]>): OwnerTree {
    const builder = new TreeBuilder();
    for (const [key, data] of entries) builder.push(key, data);
    return builder.finish();
  }

  /** @internal for `TreeBuilder`. */
  static of(root: TTreeNode, size: number): OwnerTree {
    return new OwnerTree(root, size);
  }

  /** The data of a key. */
  get(key: string): IOwnerPlace | undefined {
    let node = this.root;
    while ('children' in node) node = node.children[slotOf(node.keys, key)] as TTreeNode;
    const index = slotOf(node.keys, key);
    return node.keys[index] === key ? placeAt(node, index) : undefined;
  }

  /** The greatest key below this one. */
  before(key: string): IOwnerPlace | undefined {
    return before(this.root, key);
  }

  /** The least key above this one. */
  after(key: string): IOwnerPlace | undefined {
    return after(this.root, key);
  }

  /** All in order, from the first key that is not below `from`. */
  entries(from = ''): Generator<IOwnerPlace, void> {
    return walk(this.root, from);
  }

  /** A tree in which the key has this data; null takes the key away. */
  with(key: string, data: Buffer | null): OwnerTree {
    const had = this.get(key) !== undefined;
    if (data === null && !had) return this;
    const size = this.size + (data === null ? -1 : had ? 0 : 1);
    return new OwnerTree(rootOf(replace(this.root, key, data)), size);
  }

  /**
   * What differs from an older tree, in order: what of both is the same memory is not looked at,
   * so that a small change of a big tree is found at once.
   */
  *differences(
    older: OwnerTree,
  ): Generator<{ key: string; old: Buffer | null; new: Buffer | null }> {
    const [news, olds] = [sharedOut(this.root, older.root), sharedOut(older.root, this.root)];
    let one = news.next().value;
    let other = olds.next().value;
    while (one !== undefined || other !== undefined) {
      if (other === undefined || (one !== undefined && one.key < other.key)) {
        yield { key: (one as IOwnerPlace).key, old: null, new: dataOf(one as IOwnerPlace) };
        one = news.next().value;
      } else if (one === undefined || other.key < one.key) {
        yield { key: other.key, old: dataOf(other), new: null };
        other = olds.next().value;
      } else {
        const change = { key: one.key, old: dataOf(other), new: dataOf(one) };
        if (!change.old.equals(change.new)) yield change;
        one = news.next().value;
        other = olds.next().value;
      }
    }
  }
}

/** Fills a tree from keys in ascending order. */
export class TreeBuilder {
  private readonly leaves: ILeaf[] = [];
  private keys: string[] = [];
  private data: Buffer[] = [];
  private length = 0;
  private count = 0;
  private last: string | undefined;

  /** @throws RangeError when the key is not above the one before: a mistake of the caller. */
  push(key: string, data: Buffer): void {
    if (this.last !== undefined && key <= this.last) throw new RangeError('Keys are out of order');
    this.last = key;
    if (this.keys.length === itemsMax || (this.length > 0 && this.isFull(data))) this.flush();
    this.keys.push(key);
    this.data.push(data);
    this.length += data.length;
    this.count++;
  }

  /** The tree; the builder is used up. */
  finish(): OwnerTree {
    this.flush();
    let level: TTreeNode[] = this.leaves;
    if (level.length === 0) return OwnerTree.empty;
    while (level.length > 1) {
      const parents: TTreeNode[] = [];
      for (let at = 0; at < level.length; at += itemsMax) {
        parents.push(branchOf(level.slice(at, at + itemsMax)));
      }
      level = parents;
    }
    return OwnerTree.of(level[0] as TTreeNode, this.count);
  }

  private isFull(data: Buffer): boolean {
    return this.length + data.length > leafBytesMax;
  }

  private flush(): void {
    if (this.keys.length === 0) return;
    this.leaves.push(leafOf(this.keys, this.data));
    this.keys = [];
    this.data = [];
    this.length = 0;
  }
}

function leafOf(keys: string[], data: readonly Buffer[]): ILeaf {
  let end = 0;
  const ends = data.map((part) => {
    end += part.length;
    return end;
  });
  // Not out of Node's pool, of which a single leaf would keep 8 KB alive.
  const bytes = Buffer.allocUnsafeSlow(end);
  for (const [index, part] of data.entries()) part.copy(bytes, index === 0 ? 0 : ends[index - 1]);
  return { keys, bytes, ends };
}

function branchOf(children: TTreeNode[]): IBranch {
  return { keys: children.map((child) => child.keys[0] as string), children };
}

/** The last index whose key is not above `key`; 0 when all are. */
function slotOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) <= key) low = middle;
    else high = middle;
  }
  return low;
}

function placeAt(leaf: ILeaf, index: number): IOwnerPlace | undefined {
  const key = leaf.keys[index];
  if (key === undefined) return undefined;
  const start = index === 0 ? 0 : (leaf.ends[index - 1] as number);
  return { key, bytes: leaf.bytes, start, end: leaf.ends[index] as number };
}

function dataOf({ bytes, start, end }: IOwnerPlace): Buffer {
  return bytes.subarray(start, end);
}

function before(node: TTreeNode, key: string): IOwnerPlace | undefined {
  let slot = slotOf(node.keys, key);
  if (!('children' in node)) {
    return (node.keys[slot] ?? key) < key ? placeAt(node, slot) : placeAt(node, slot - 1);
  }
  const found = before(node.children[slot] as TTreeNode, key);
  if (found !== undefined || slot === 0) return found;
  slot--;
  return before(node.children[slot] as TTreeNode, key);
}

function after(node: TTreeNode, key: string): IOwnerPlace | undefined {
  const slot = slotOf(node.keys, key);
  if (!('children' in node)) {
    return (node.keys[slot] ?? '') > key ? placeAt(node, slot) : placeAt(node, slot + 1);
  }
  const found = after(node.children[slot] as TTreeNode, key);
  if (found !== undefined) return found;
  const next = node.children[slot + 1];
  return next === undefined ? undefined : after(next, key);
}

function* walk(node: TTreeNode, from: string): Generator<IOwnerPlace, void> {
  const first = slotOf(node.keys, from);
  if ('children' in node) {
    for (let index = first; index < node.children.length; index++) {
      yield* walk(node.children[index] as TTreeNode, from);
    }
    return;
  }
  for (let index = first; index < node.keys.length; index++) {
    if ((node.keys[index] as string) >= from) yield placeAt(node, index) as IOwnerPlace;
  }
}

/** Walks a tree without the nodes that another tree has too. */
function* sharedOut(root: TTreeNode, other: TTreeNode): Generator<IOwnerPlace, undefined> {
  const known = new Set<TTreeNode>();
  collect(other, known);
  yield* walkWithout(root, known);
  return undefined;
}

function collect(node: TTreeNode, known: Set<TTreeNode>): void {
  known.add(node);
  if ('children' in node) for (const child of node.children) collect(child, known);
}

function* walkWithout(node: TTreeNode, known: Set<TTreeNode>): Generator<IOwnerPlace, void> {
  if (known.has(node)) return;
  if (!('children' in node)) {
    yield* walk(node, '');
    return;
  }
  for (const child of node.children) yield* walkWithout(child, known);
}

/** The nodes that stand for this one after the change: none, one or two. */
function replace(node: TTreeNode, key: string, data: Buffer | null): TTreeNode[] {
  if (!('children' in node)) return replaceInLeaf(node, key, data);
  const slot = slotOf(node.keys, key);
  const parts = replace(node.children[slot] as TTreeNode, key, data);
  const children = node.children.toSpliced(slot, 1, ...parts);
  if (parts.length === 1 && isLow(parts[0] as TTreeNode)) joinAt(children, slot);
  if (children.length === 0) return [];
  if (children.length <= itemsMax) return [branchOf(children)];
  const half = children.length >>> 1;
  return [branchOf(children.slice(0, half)), branchOf(children.slice(half))];
}

function replaceInLeaf(leaf: ILeaf, key: string, data: Buffer | null): TTreeNode[] {
  const slot = slotOf(leaf.keys, key);
  const found = leaf.keys[slot] === key;
  const at = found || (leaf.keys[slot] ?? key) > key ? slot : slot + 1;
  const keys = leaf.keys.toSpliced(at, found ? 1 : 0, ...(data === null ? [] : [key]));
  const parts = leaf.keys.map((_, index) => dataOf(placeAt(leaf, index) as IOwnerPlace));
  parts.splice(at, found ? 1 : 0, ...(data === null ? [] : [data]));
  if (keys.length === 0) return [];
  const bytes = leaf.bytes.length + (data?.length ?? 0);
  if (keys.length <= itemsMax && (bytes <= leafBytesMax || keys.length === 1)) {
    return [leafOf(keys, parts)];
  }
  const half = keys.length >>> 1;
  return [
    leafOf(keys.slice(0, half), parts.slice(0, half)),
    leafOf(keys.slice(half), parts.slice(half)),
  ];
}

function isLow(node: TTreeNode): boolean {
  return (
    node.keys.length < itemsLow && ('children' in node || node.bytes.length < leafBytesMax / 4)
  );
}

/** Joins the child with its neighbour on the right or left when both fit into one. */
function joinAt(children: TTreeNode[], slot: number): void {
  for (const first of [slot, slot - 1]) {
    const [left, right] = [children[first], children[first + 1]];
    if (left === undefined || right === undefined) continue;
    const joined = join(left, right);
    if (joined === undefined) continue;
    children.splice(first, 2, joined);
    return;
  }
}

function join(left: TTreeNode, right: TTreeNode): TTreeNode | undefined {
  if (left.keys.length + right.keys.length > itemsMax) return undefined;
  if ('children' in left && 'children' in right) {
    return branchOf([...left.children, ...right.children]);
  }
  if ('children' in left || 'children' in right) return undefined;
  if (left.bytes.length + right.bytes.length > leafBytesMax) return undefined;
  const ends = right.ends.map((end) => end + left.bytes.length);
  return {
    keys: [...left.keys, ...right.keys],
    bytes: Buffer.concat([left.bytes, right.bytes]),
    ends: [...left.ends, ...ends],
  };
}

function rootOf(nodes: TTreeNode[]): TTreeNode {
  const first = nodes[0];
  if (first === undefined) return { keys: [], bytes: Buffer.alloc(0), ends: [] };
  if (nodes.length > 1) return branchOf(nodes);
  let root = first;
  while ('children' in root && root.children.length === 1) root = root.children[0] as TTreeNode;
  return root;
}
