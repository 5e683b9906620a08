/**
 * IP addresses as numbers. An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, RFC 4291 §2.5.5.2), which
 * is how a dual-stack socket shows an IPv4 client, is an IPv4 address in every respect.
 */

/** Where `parseIp` leaves an address: IPv4 in word 0, IPv6 in all four, from the left. */
export type TIpWords = Uint32Array;

/** Room for one address. */
export function ipWords(): TIpWords {
  return new Uint32Array(4);
}

const dot = 0x2e;
const colon = 0x3a;
/** The names that `net.isIPv6` takes. */
const zone = /^[0-9a-zA-Z.:-]+$/;

/**
 * Reads an address: strictly dotted decimal without leading zeros, or any form of RFC 4291 §2.2;
 * an IPv6 zone (`%eth0`, RFC 4007) is left out.
 *
 * @param words gets the address; undefined content when 0 is returned.
 * @returns 4, 6, or 0 when the text is no address.
 */
export function parseIp(text: string, words: TIpWords): 0 | 4 | 6 {
  // The fourth character at the latest ends the first number of an IPv4 address.
  for (let at = 0; at < 4 && at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === dot) return parseV4(text, 0, words, 0) ? 4 : 0;
    if (code === colon) break;
  }
  // How nearly all IPv4 clients look on a dual-stack socket.
  if (text.startsWith('::ffff:') && parseV4(text, 7, words, 0)) return 4;
  if (!parseV6(text, words)) return 0;
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3] as number;
  return 4;
}

const scratch = ipWords();

/** Whether the text is an IPv4 or IPv6 address. */
export function isIp(text: string): boolean {
  return parseIp(text, scratch) !== 0;
}

/**
 * The one text of an address: IPv4-mapped becomes IPv4, IPv6 is written as RFC 5952 says, a zone
 * is left out. Undefined when the text is no address.
 */
export function canonicalIp(text: string): string | undefined {
  switch (parseIp(text, scratch)) {
    case 4:
      return formatV4(scratch[0] as number);
    case 6:
      return formatV6(scratch);
    default:
      return undefined;
  }
}

/**
 * What counts as one client: the IPv4 address, or the IPv6 /64 (a subscriber has all of it), e.g.
 * `192.0.2.1` or `2001:db8::/64`. A text that is no address counts by itself.
 */
export function clientNetwork(text: string): string {
  return networkOf(text, 32, 64);
}

/**
 * The network of an address: `192.0.2.0/24` with `bits4` 24, `2001:db8::/48` with `bits6` 48; the
 * bare address when all bits count. A text that is no address is returned as it is.
 */
export function networkOf(text: string, bits4: number, bits6: number): string {
  const family = parseIp(text, scratch);
  if (family === 0) return text;
  const bits = family === 4 ? bits4 : bits6;
  maskWords(scratch, family, bits);
  return formatNetwork(family, scratch, bits);
}

/** The text of a network in words: with the length of its prefix, unless that is the whole. */
export function formatNetwork(family: 4 | 6, words: TIpWords, bits: number): string {
  const ip = formatIp(family, words);
  return bits === (family === 4 ? 32 : 128) ? ip : `${ip}/${bits}`;
}

/** Sets all bits of the address behind the first `bits` to 0. */
export function maskWords(words: TIpWords, family: 4 | 6, bits: number): void {
  for (let index = 0; index < (family === 4 ? 1 : 4); index++) {
    words[index] = (words[index] as number) & maskOf(bits - index * 32);
  }
}

/** The first `bits` of 32 set; shifts count modulo 32, so the ends are cases of their own. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

/** The text of an address in words, in the form of `canonicalIp`. */
export function formatIp(family: 4 | 6, words: TIpWords): string {
  if (family === 4) return formatV4(words[0] as number);
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return isMapped ? formatV4(words[3] as number) : formatV6(words);
}

function formatV4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

function formatV6(words: TIpWords): string {
  const groups = [...words].flatMap((word) => [word >>> 16, word & 0xffff]);
  const [start, length] = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  // RFC 5952 §4.2.2: `::` does not stand for a single group.
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** Where the longest run of zeros starts (the first of equals), and its length. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
  }
  return best;
}

/** Reads dotted decimal from `start` to the text's end. */
function parseV4(text: string, start: number, words: TIpWords, index: number): boolean {
  let address = 0;
  let octet = -1;
  let octets = 1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) {
      // `01` is octal to some and decimal to others, so it is no address.
      if (octet === 0) return false;
      octet = octet === -1 ? code - 0x30 : octet * 10 + code - 0x30;
      if (octet > 255) return false;
    } else if (code === dot && octet !== -1 && octets < 4) {
      address = address * 256 + octet;
      octet = -1;
      octets++;
    } else {
      return false;
    }
  }
  if (octets !== 4 || octet === -1) return false;
  words[index] = address * 256 + octet;
  return true;
}

function parseV6(text: string, words: TIpWords): boolean {
  let end = text.indexOf('%');
  if (end === -1) end = text.length;
  else if (!zone.test(text.slice(end + 1))) return false;
  words.fill(0);
  let groups = 0;
  /** Groups before `::`. */
  let gapAt = -1;
  let at = 0;
  if (text.charCodeAt(0) === colon) {
    if (text.charCodeAt(1) !== colon) return false;
    gapAt = 0;
    at = 2;
  }
  while (at < end) {
    if (groups === 8) return false;
    const groupStart = at;
    let group = 0;
    let digit = hexDigit(text.charCodeAt(at));
    while (digit !== -1 && at < end) {
      group = group * 16 + digit;
      at++;
      digit = hexDigit(text.charCodeAt(at));
    }
    const code = at < end ? text.charCodeAt(at) : -1;
    if (code === dot) return parseTail(text, groupStart, end, words, groups, gapAt);
    if (at === groupStart || at - groupStart > 4) return false;
    setGroup(words, groups++, group);
    if (code === -1) break;
    if (code !== colon) return false;
    at++;
    if (text.charCodeAt(at) === colon && at < end) {
      if (gapAt !== -1) return false;
      gapAt = groups;
      at++;
    } else if (at === end) {
      return false;
    }
  }
  return placeGap(words, groups, gapAt);
}

/** The last 32 bits may be dotted decimal. */
function parseTail(
  text: string,
  start: number,
  end: number,
  words: TIpWords,
  groups: number,
  gapAt: number,
): boolean {
  if (groups > 6) return false;
  const tail = ipWords();
  if (!parseV4(end === text.length ? text : text.slice(0, end), start, tail, 0)) return false;
  const word = tail[0] as number;
  setGroup(words, groups, word >>> 16);
  setGroup(words, groups + 1, word & 0xffff);
  return placeGap(words, groups + 2, gapAt);
}

/** Moves the groups after `::` to the end; false when there are too few or too many. */
function placeGap(words: TIpWords, groups: number, gapAt: number): boolean {
  if (gapAt === -1) return groups === 8;
  if (groups === 8) return false;
  const shift = 8 - groups;
  for (let from = groups - 1; from >= gapAt; from--) {
    setGroup(words, from + shift, groupAt(words, from));
    setGroup(words, from, 0);
  }
  return true;
}

function groupAt(words: TIpWords, group: number): number {
  const word = words[group >> 1] as number;
  return (group & 1) === 0 ? word >>> 16 : word & 0xffff;
}

function setGroup(words: TIpWords, group: number, value: number): void {
  const index = group >> 1;
  const word = words[index] as number;
  words[index] = (group & 1) === 0 ? (word & 0xffff) | (value << 16) : (word & ~0xffff) | value;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A host with a port, as people write it: IPv6 in brackets. */
export function spellPlace(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
