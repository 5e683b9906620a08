/**
 * SipHash-2-4 in halves of 32 bits: every UDP query with a cookie asks for it, and 64-bit integers
 * would cost ten times as much.
 *
 * @param key 16 bytes.
 * @returns 8 bytes, the least significant first.
 * @see https://www.aumasson.jp/siphash/siphash.pdf
 */
export function sipHash24(key: Buffer, data: Buffer): Buffer {
  const state = new State(key);
  const whole = data.length & ~7;
  for (let at = 0; at < whole; at += 8) {
    state.absorb(data.readInt32LE(at), data.readInt32LE(at + 4));
  }
  const last = Buffer.alloc(8);
  data.copy(last, 0, whole);
  last[7] = data.length;
  state.absorb(last.readInt32LE(0), last.readInt32LE(4));
  return state.finish();
}

class State {
  private low0: number;
  private high0: number;
  private low1: number;
  private high1: number;
  private low2: number;
  private high2: number;
  private low3: number;
  private high3: number;

  constructor(key: Buffer) {
    const [low, high] = [key.readInt32LE(0), key.readInt32LE(4)];
    const [low1, high1] = [key.readInt32LE(8), key.readInt32LE(12)];
    this.low0 = low ^ 0x70736575;
    this.high0 = high ^ 0x736f6d65;
    this.low1 = low1 ^ 0x6e646f6d;
    this.high1 = high1 ^ 0x646f7261;
    this.low2 = low ^ 0x6e657261;
    this.high2 = high ^ 0x6c796765;
    this.low3 = low1 ^ 0x79746573;
    this.high3 = high1 ^ 0x74656462;
  }

  absorb(low: number, high: number): void {
    this.low3 ^= low;
    this.high3 ^= high;
    this.round();
    this.round();
    this.low0 ^= low;
    this.high0 ^= high;
  }

  finish(): Buffer {
    this.low2 ^= 0xff;
    for (let rounds = 0; rounds < 4; rounds++) this.round();
    const hash = Buffer.allocUnsafe(8);
    hash.writeInt32LE(this.low0 ^ this.low1 ^ this.low2 ^ this.low3, 0);
    hash.writeInt32LE(this.high0 ^ this.high1 ^ this.high2 ^ this.high3, 4);
    return hash;
  }

  private round(): void {
    let { low0, high0, low1, high1, low2, high2, low3, high3 } = this;
    let low: number;

    low = (low0 >>> 0) + (low1 >>> 0);
    high0 = (high0 + high1 + (low > 0xffff_ffff ? 1 : 0)) | 0;
    low0 = low | 0;
    low = (low1 << 13) | (high1 >>> 19);
    high1 = (high1 << 13) | (low1 >>> 19);
    low1 = low ^ low0;
    high1 ^= high0;
    low = low0;
    low0 = high0;
    high0 = low;

    low = (low2 >>> 0) + (low3 >>> 0);
    high2 = (high2 + high3 + (low > 0xffff_ffff ? 1 : 0)) | 0;
    low2 = low | 0;
    low = (low3 << 16) | (high3 >>> 16);
    high3 = (high3 << 16) | (low3 >>> 16);
    low3 = low ^ low2;
    high3 ^= high2;

    low = (low0 >>> 0) + (low3 >>> 0);
    high0 = (high0 + high3 + (low > 0xffff_ffff ? 1 : 0)) | 0;
    low0 = low | 0;
    low = (low3 << 21) | (high3 >>> 11);
    high3 = (high3 << 21) | (low3 >>> 11);
    low3 = low ^ low0;
    high3 ^= high0;

    low = (low2 >>> 0) + (low1 >>> 0);
    high2 = (high2 + high1 + (low > 0xffff_ffff ? 1 : 0)) | 0;
    low2 = low | 0;
    low = (low1 << 17) | (high1 >>> 15);
    high1 = (high1 << 17) | (low1 >>> 15);
    low1 = low ^ low2;
    high1 ^= high2;
    low = low2;
    low2 = high2;
    high2 = low;

    this.low0 = low0;
    this.high0 = high0;
    this.low1 = low1;
    this.high1 = high1;
    this.low2 = low2;
    this.high2 = high2;
    this.low3 = low3;
    this.high3 = high3;
  }
}
