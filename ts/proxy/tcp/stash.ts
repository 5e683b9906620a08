const bytesMin = 512;

/** Bytes that are kept until somebody wants them; growing by doubling keeps single bytes cheap. */
export class Stash {
  bytes: Buffer;
  length = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(bytesMin, end - start));
    this.add(bytes, start, end);
  }

  /** Appends a copy. */
  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length = needed;
  }

  /** What is in it. */
  taken(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}
