import { type OwnerTree, TreeBuilder } from '../../zone/owner-tree.ts';
import { Zone } from '../../zone/zone.ts';

/**
 * Owners of a zone as bytes: the length of the key (2 bytes), the key in latin1, the length of the
 * data (4), the data. A length of `goneMark` says that the owner is gone.
 */
const goneMark = 0xffff_ffff;
const keyHeadBytes = 2;
const dataHeadBytes = 4;

/** Bytes that are sent at a time. */
const partBytes = 1_048_576;
/** Above so many owners, and this part of all, the whole zone is sent in place of changes. */
const changesMin = 1000;
const changesShare = 8;

/** Writes owners behind each other. */
class OwnerWriter {
  private parts: Buffer[] = [];
  private length = 0;

  get size(): number {
    return this.length;
  }

  add(key: string, data: Buffer | null): void {
    const head = Buffer.allocUnsafe(keyHeadBytes + key.length + dataHeadBytes);
    head.writeUInt16BE(key.length, 0);
    head.write(key, keyHeadBytes, 'latin1');
    head.writeUInt32BE(data === null ? goneMark : data.length, keyHeadBytes + key.length);
    this.push(head);
    if (data !== null) this.push(data);
  }

  /** What was written, on memory of its own that can be given away. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.parts = [];
    this.length = 0;
    return bytes;
  }

  private push(bytes: Buffer): void {
    this.parts.push(bytes);
    this.length += bytes.length;
  }
}

/** A zone in parts of about a megabyte, each of which may be transferred. */
export function* zoneParts(zone: Zone): Generator<Uint8Array, void> {
  const writer = new OwnerWriter();
  for (const { key, bytes, start, end } of zone.tree.entries()) {
    writer.add(key, bytes.subarray(start, end));
    if (writer.size >= partBytes) yield writer.take();
  }
  yield writer.take();
}

/** What changed since an older version; null: so much that the whole is better. */
export function zoneChanges(zone: Zone, older: Zone): Uint8Array | null {
  const writer = new OwnerWriter();
  const max = Math.max(changesMin, zone.tree.size / changesShare);
  let count = 0;
  for (const { key, new: data } of zone.tree.differences(older.tree)) {
    if (++count > max) return null;
    writer.add(key, data);
  }
  return writer.take();
}

/** Puts a zone together from its parts. */
export class ZoneAssembler {
  private builder = new TreeBuilder();

  /** Takes the next part. */
  add(part: Uint8Array): void {
    for (const [key, data] of owners(part)) if (data !== null) this.builder.push(key, data);
  }

  /** The zone of the parts that were added; the next part begins another one. */
  finish(apex: Buffer, recordCount: number): Zone {
    const tree = this.builder.finish();
    this.builder = new TreeBuilder();
    return Zone.of(apex, tree, recordCount);
  }
}

/** The version that changes make of an older one. */
export function withChanges(older: Zone, bytes: Uint8Array, recordCount: number): Zone {
  let tree: OwnerTree = older.tree;
  for (const [key, data] of owners(bytes)) tree = tree.with(key, data);
  return Zone.of(older.apex, tree, recordCount);
}

function* owners(part: Uint8Array): Generator<readonly [key: string, data: Buffer | null], void> {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + keyHeadBytes + bytes.readUInt16BE(at);
    const key = bytes.toString('latin1', at + keyHeadBytes, keyEnd);
    const length = bytes.readUInt32BE(keyEnd);
    const start = keyEnd + dataHeadBytes;
    const isGone = length === goneMark;
    at = isGone ? start : start + length;
    yield [key, isGone ? null : bytes.subarray(start, at)];
  }
}
