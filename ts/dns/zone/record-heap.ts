/** A record as it lies in the heap. */
export interface IHeapRecord {
  /** Counted from 0 in the order in which records came. */
  readonly index: number;
  readonly type: number;
  readonly ttl: number;
  readonly rdata: Buffer;
}

/** New memory is taken in blocks of this size; a record, of 64 KiB at most, lies in one. */
const blockBytes = 1 << 20;
/** The first block is smaller: most zones need no other one. */
const firstBlockBytes = 1 << 13;
/** Records and owners that there is room for at first. */
const countFirst = 64;
const headBytes = 8;
const none = -1;

/**
 * Records in the order in which they come, found by their owner's number, in about 20 bytes each
 * besides their data: a big zone is read without a million objects.
 */
export class RecordHeap {
  private readonly blocks: Buffer[] = [];
  private blockUsed = 0;
  /** By record: its block and place in it, its line, and the next record of the same owner. */
  private places = new Float64Array(countFirst);
  private lines = new Uint32Array(countFirst);
  private nexts = new Int32Array(countFirst);
  /** By owner: the first and last record. */
  private firsts = new Int32Array(countFirst).fill(none);
  private lasts = new Int32Array(countFirst);
  private used = 0;

  /** Records so far. */
  get count(): number {
    return this.used;
  }

  /** @param owner its number: a whole one from 0. @param line 0 when there is none. */
  push(owner: number, type: number, ttl: number, rdata: Buffer, line = 0): void {
    if (this.used === this.places.length) this.growRecords();
    if (owner >= this.firsts.length) this.growOwners(owner);
    const index = this.used++;
    this.places[index] = this.store(type, ttl, rdata);
    this.lines[index] = line;
    this.nexts[index] = none;
    if (this.firsts[owner] === none) this.firsts[owner] = index;
    else this.nexts[this.lasts[owner] as number] = index;
    this.lasts[owner] = index;
  }

  /** The records of an owner, in the order in which they came. */
  records(owner: number): IHeapRecord[] {
    const records: IHeapRecord[] = [];
    let index = this.firsts[owner] ?? none;
    while (index !== none) {
      records.push(this.at(index));
      index = this.nexts[index] as number;
    }
    return records;
  }

  /** The line that came with a record; 0: none. */
  lineOf(index: number): number {
    return this.lines[index] ?? 0;
  }

  private at(index: number): IHeapRecord {
    const place = this.places[index] as number;
    const block = this.blocks[Math.floor(place / blockBytes)] as Buffer;
    const start = place % blockBytes;
    const end = start + headBytes + block.readUInt16BE(start + 2);
    return {
      index,
      type: block.readUInt16BE(start),
      ttl: block.readUInt32BE(start + 4),
      rdata: block.subarray(start + headBytes, end),
    };
  }

  private store(type: number, ttl: number, rdata: Buffer): number {
    const length = headBytes + rdata.length;
    let block = this.blocks.at(-1);
    if (block === undefined || this.blockUsed + length > block.length) {
      const bytes = block === undefined ? Math.max(firstBlockBytes, length) : blockBytes;
      block = Buffer.allocUnsafeSlow(bytes);
      this.blocks.push(block);
      this.blockUsed = 0;
    }
    const start = this.blockUsed;
    block.writeUInt16BE(type, start);
    block.writeUInt16BE(rdata.length, start + 2);
    block.writeUInt32BE(ttl, start + 4);
    rdata.copy(block, start + headBytes);
    this.blockUsed += length;
    return (this.blocks.length - 1) * blockBytes + start;
  }

  private growRecords(): void {
    const { places, lines, nexts } = this;
    this.places = new Float64Array(places.length * 2);
    this.places.set(places);
    this.lines = new Uint32Array(lines.length * 2);
    this.lines.set(lines);
    this.nexts = new Int32Array(nexts.length * 2);
    this.nexts.set(nexts);
  }

  private growOwners(owner: number): void {
    const { firsts, lasts } = this;
    const size = Math.max(firsts.length * 2, owner + 1);
    this.firsts = new Int32Array(size).fill(none);
    this.firsts.set(firsts);
    this.lasts = new Int32Array(size);
    this.lasts.set(lasts);
  }
}
