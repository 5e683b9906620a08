import { isIP } from 'node:net';
import { DcError, type IProblem } from '../core/errors.ts';
import { formatNetwork, ipWords, maskWords, parseIp } from './ip.ts';
import { NetworkTable } from './network-table.ts';

/** Bad entries that are named one by one; more are only counted. */
export const addressProblemsMax = 100;

/** In sets from this size on, answers are remembered: a look-up may miss the processor's caches. */
const rememberedFrom = 1000;
const rememberedMax = 1024;
/** No address is longer. */
const ipLengthMax = 45;

/**
 * A set of IP addresses, given as CIDRs or single addresses.
 *
 * Exact for IPv4 and IPv6. IPv4-mapped addresses count as IPv4, in the set and in the question;
 * so `::/0` is every IPv6 address and no IPv4 one. Bits behind the prefix are ignored
 * (`10.1.2.3/8` is `10.0.0.0/8`). A question costs one look-up for each length of prefix that
 * occurs in the address's family, however many CIDRs there are; large sets remember the answers
 * for the addresses of the moment.
 */
export class CidrSet {
  private readonly v4: NetworkTable[] = [];
  private readonly v6: NetworkTable[] = [];
  private readonly remembered = new Map<string, boolean>();
  private count = 0;

  /** @throws DcError `CONFIG_INVALID`, with a problem for each text that is no CIDR. */
  constructor(cidrs: readonly string[] = []) {
    const problems: IProblem[] = [];
    let bad = 0;
    cidrs.forEach((text, index) => {
      if (parseCidr(text)) this.addParsed();
      else if (++bad <= addressProblemsMax) problems.push(problemOf(text, `[${index}]`));
    });
    if (bad > 0) throw invalidCidrs(problems, bad);
  }

  /** Networks in the set; one within another counts too. */
  get size(): number {
    return this.count;
  }

  /** Whether the address is in the set; false for a text that is no address. */
  contains(ip: string): boolean {
    if (this.count === 0) return false;
    if (this.count < rememberedFrom || ip.length > ipLengthMax) return this.find(ip);
    let answer = this.remembered.get(ip);
    if (answer === undefined) {
      answer = this.find(ip);
      // All at once is cheaper than finding the oldest, and those in use are soon back.
      if (this.remembered.size >= rememberedMax) this.remembered.clear();
      this.remembered.set(ip, answer);
    }
    return answer;
  }

  /**
   * Adds one network.
   *
   * @returns false when it was in the set, as written like that or otherwise.
   * @throws DcError `CONFIG_INVALID`
   */
  add(cidr: string): boolean {
    parseOrThrow(cidr);
    return this.addParsed();
  }

  /**
   * Removes one network; others that it is in, or that are in it, stay.
   *
   * @returns false when it was not in the set.
   * @throws DcError `CONFIG_INVALID`
   */
  delete(cidr: string): boolean {
    parseOrThrow(cidr);
    const tables = parsed.family === 4 ? this.v4 : this.v6;
    const index = tables.findIndex(({ bits }) => bits === parsed.bits);
    const table = tables[index];
    if (table === undefined || !table.delete(parsed.words)) return false;
    if (table.size === 0) tables.splice(index, 1);
    this.count--;
    this.remembered.clear();
    return true;
  }

  private find(ip: string): boolean {
    switch (parseIp(ip, asked)) {
      case 4:
        return hasAddress(this.v4);
      case 6:
        return hasAddress(this.v6);
      default:
        return false;
    }
  }

  private addParsed(): boolean {
    const { family, bits, words } = parsed;
    const tables = family === 4 ? this.v4 : this.v6;
    let table = tables.find((each) => each.bits === bits);
    if (table === undefined) {
      table = new NetworkTable(family, bits);
      tables.push(table);
    }
    if (!table.add(words)) return false;
    this.count++;
    this.remembered.clear();
    return true;
  }
}

/** Whether the text is an address, or one with a prefix length that its family has. */
export function isCidr(text: string): boolean {
  return parseCidr(text);
}

/**
 * The one text of a network: the address as `canonicalIp` writes it, with zeros behind the prefix,
 * and the length of the prefix unless that is the whole address. Undefined when it is no CIDR.
 */
export function canonicalCidr(text: string): string | undefined {
  if (!parseCidr(text)) return undefined;
  maskWords(parsed.words, parsed.family, parsed.bits);
  return formatNetwork(parsed.family, parsed.words, parsed.bits);
}

/** What is wrong with a text that is no CIDR. */
export function problemOf(text: string, path: string): IProblem {
  return { path, message: cidrComplaint(text), value: text };
}

/** What is wrong with a text that is no CIDR, as a sentence for people. */
export function cidrComplaint(text: string): string {
  const [, address = '', zone, length] = /^([^%/]*)(%[^/]*)?(\/.*)?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family !== 0 && zone !== undefined) {
    return `Must be without a zone ("${zone}"): clients are told apart by address alone`;
  }
  if (family !== 0 && length !== undefined) {
    return `Must have a prefix length from 0 to ${family === 4 ? 32 : 128}`;
  }
  return 'Must be an address, or a range like 10.0.0.0/8';
}

/**
 * The error for entries that are no CIDRs.
 *
 * @param problems the first ones, at most `addressProblemsMax`, at least one.
 * @param count of all.
 */
export function invalidCidrs(problems: readonly IProblem[], count: number): DcError {
  const [first] = problems;
  const more = count - problems.length;
  const rest = more > 0 ? [{ path: '', message: `${more} more are no CIDRs` }] : [];
  return new DcError('CONFIG_INVALID', `"${first?.value}" is no CIDR`, {
    problems: [...problems, ...rest],
  });
}

const asked = ipWords();

function hasAddress(tables: readonly NetworkTable[]): boolean {
  for (const table of tables) if (table.has(asked)) return true;
  return false;
}

/** What `parseCidr` read last. Bits behind the prefix are as written. */
const parsed: { family: 4 | 6; bits: number; words: Uint32Array } = {
  family: 4,
  bits: 0,
  words: ipWords(),
};

function parseOrThrow(text: string): void {
  if (!parseCidr(text)) throw invalidCidrs([problemOf(text, '')], 1);
}

function parseCidr(text: string): boolean {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const family = address.includes('%') ? 0 : parseIp(address, parsed.words);
  if (family === 0) return false;
  const prefix = slash === -1 ? undefined : text.slice(slash + 1);
  const bits = prefixBits(prefix, family, address.includes(':'));
  if (bits === undefined) return false;
  parsed.family = family;
  parsed.bits = bits;
  return true;
}

/** Leading bits that count; undefined when the prefix is none of the family's. */
function prefixBits(
  prefix: string | undefined,
  family: 4 | 6,
  isWrittenAsV6: boolean,
): number | undefined {
  const isMapped = family === 4 && isWrittenAsV6;
  const bitsMax = isWrittenAsV6 ? 128 : 32;
  if (prefix === undefined) return family === 4 ? 32 : 128;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bitsMax) return undefined;
  const bits = isMapped ? Number(prefix) - 96 : Number(prefix);
  // `::ffff:1.2.3.4/90` would be IPv4 and IPv6 at once, which nobody means.
  return bits < 0 ? undefined : bits;
}
