import { ipWords, maskWords, type TIpWords } from './ip.ts';

/** Different in each process, so that nobody can choose networks that all collide. */
const seed = Math.floor(Math.random() * 2 ** 32) | 0;
const roomMin = 16;

/**
 * The networks of one family and one length of prefix, found by hash: open addressing with linear
 * probing, at most half full. An entry takes 10 to 20 bytes for IPv4, up to 68 for IPv6.
 */
export class NetworkTable {
  /** Length of the prefix. */
  readonly bits: number;
  /** Words that the prefix reaches into, at least one: what is stored of a network. */
  private readonly width: number;
  private readonly mask: Int32Array;
  private count = 0;
  /** A power of two. */
  private room = roomMin;
  private words: Int32Array;
  private isUsed: Uint8Array;
  /** The address that is asked for, without the bits behind the prefix. */
  private readonly asked = new Int32Array(4);

  constructor(family: 4 | 6, bits: number) {
    this.bits = bits;
    this.width = Math.max(1, Math.ceil(bits / 32));
    const mask = ipWords().fill(0xffffffff);
    maskWords(mask, family, bits);
    this.mask = new Int32Array(mask);
    this.words = new Int32Array(this.room * this.width);
    this.isUsed = new Uint8Array(this.room);
  }

  /** Networks in the table. */
  get size(): number {
    return this.count;
  }

  /** Whether the address is in one of the networks. */
  has(address: TIpWords): boolean {
    return this.isUsed[this.find(address)] === 1;
  }

  /** @returns false when the network of the address was there. */
  add(address: TIpWords): boolean {
    const at = this.find(address);
    if (this.isUsed[at] === 1) return false;
    this.put(at);
    this.count++;
    if (this.count * 2 > this.room) this.grow();
    return true;
  }

  /** @returns false when the network of the address was not there. */
  delete(address: TIpWords): boolean {
    let gap = this.find(address);
    if (this.isUsed[gap] === 0) return false;
    this.count--;
    // Those behind the gap move up to it, unless their own place lies behind it: a search ends
    // at the first free place.
    const last = this.room - 1;
    for (let at = (gap + 1) & last; this.isUsed[at] === 1; at = (at + 1) & last) {
      const home = this.homeOf(this.words, at * this.width);
      if (((at - home) & last) < ((at - gap) & last)) continue;
      this.words.copyWithin(gap * this.width, at * this.width, (at + 1) * this.width);
      gap = at;
    }
    this.isUsed[gap] = 0;
    return true;
  }

  /** Where the address's network is, or the free place where it belongs. */
  private find(address: TIpWords | Int32Array): number {
    const { asked, mask, words, isUsed, width } = this;
    for (let index = 0; index < width; index++) {
      asked[index] = (address[index] as number) & (mask[index] as number);
    }
    const last = this.room - 1;
    let at = this.homeOf(asked, 0);
    while (isUsed[at] === 1) {
      let index = 0;
      while (index < width && words[at * width + index] === asked[index]) index++;
      if (index === width) break;
      at = (at + 1) & last;
    }
    return at;
  }

  private put(at: number): void {
    for (let index = 0; index < this.width; index++) {
      this.words[at * this.width + index] = this.asked[index] as number;
    }
    this.isUsed[at] = 1;
  }

  private grow(): void {
    const { words, isUsed, width } = this;
    this.room *= 2;
    this.words = new Int32Array(this.room * width);
    this.isUsed = new Uint8Array(this.room);
    for (let at = 0; at < isUsed.length; at++) {
      if (isUsed[at] === 1) this.put(this.find(words.subarray(at * width, (at + 1) * width)));
    }
  }

  private homeOf(words: Int32Array, start: number): number {
    let hash = seed;
    for (let index = start; index < start + this.width; index++) {
      hash = Math.imul(hash ^ (words[index] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.room - 1);
  }
}
