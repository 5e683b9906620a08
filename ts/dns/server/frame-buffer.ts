/** Bytes of the length in front of a message: RFC 1035 §4.2.2. */
export const lengthBytes = 2;

const startBytes = 1024;

/** What has come of messages that are not complete, or not answered yet, on one connection. */
export class FrameBuffer {
  private bytes: Buffer | null = null;
  private start = 0;
  private end = 0;

  /** Bytes that are kept. */
  get length(): number {
    return this.end - this.start;
  }

  /** Keeps a copy of the bytes behind those that are kept. */
  append(source: Buffer, from: number, to: number): void {
    const length = this.length + to - from;
    if (this.bytes === null || this.end + to - from > this.bytes.length) {
      const isRoomy = this.bytes !== null && length <= this.bytes.length;
      const size = Math.max(startBytes, 2 ** Math.ceil(Math.log2(length)));
      const bytes = isRoomy ? (this.bytes as Buffer) : Buffer.allocUnsafe(size);
      this.bytes?.copy(bytes, 0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
      this.bytes = bytes;
    }
    this.end += source.copy(this.bytes, this.end, from, to);
  }

  /** The next message without its length, valid until `append`; null: it is not complete. */
  next(): Buffer | null {
    const { bytes, start } = this;
    if (bytes === null || this.length < lengthBytes) return null;
    const end = start + lengthBytes + bytes.readUInt16BE(start);
    if (end > this.end) return null;
    this.start = end;
    return bytes.subarray(start + lengthBytes, end);
  }

  /** Gives the memory back when nothing is kept. */
  trim(): void {
    if (this.length > 0) return;
    this.bytes = null;
    this.start = 0;
    this.end = 0;
  }
}
