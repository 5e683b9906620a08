import type { IRecord } from '../codec/message.ts';
import { nameKey, parseName, type TName, tryParseName } from '../codec/name.ts';
import { rcode, recordClass, recordType } from '../codec/types.ts';
import { rdataOfAddress } from './address.ts';
import type { IAnswer, IAsked } from './answer.ts';

/** What a caller may keep of it: the file can change at any time. */
const ttlSeconds = 5;
/** Addresses of one name that are taken. */
const addressesMax = 64;

interface IHost {
  readonly v4: Buffer[];
  readonly v6: Buffer[];
}

/** The names of a hosts file: hosts(5). */
export class Hosts {
  private readonly byName = new Map<string, IHost>();
  private readonly byAddress = new Map<string, TName>();

  /** Lines that are none are left out: the file is not ours. */
  constructor(text: string) {
    for (const line of text.split('\n')) this.add(line);
  }

  /** Names with an address. */
  get size(): number {
    return this.byName.size;
  }

  /**
   * The answer for a name of the file, to A, AAAA and PTR: an address family that it does not have is
   * NODATA, so that the DNS does not add to it. Null: the file says nothing.
   */
  answer(asked: IAsked): IAnswer | null {
    const { name, type } = asked;
    if (type === recordType.PTR) {
      const target = this.byAddress.get(nameKey(name));
      return target === undefined ? null : said(name, type, [target]);
    }
    const host = this.byName.get(nameKey(name));
    if (host === undefined) return null;
    if (type === recordType.A) return said(name, type, host.v4);
    return type === recordType.AAAA ? said(name, type, host.v6) : null;
  }

  private add(line: string): void {
    const hash = line.indexOf('#');
    const words = (hash === -1 ? line : line.slice(0, hash)).trim().split(/\s+/);
    const [address = '', ...names] = words;
    const rdata = rdataOfAddress(address);
    if (rdata === null) return;
    for (const text of names) {
      const name = nameOf(text);
      if (name === null) continue;
      const key = nameKey(name);
      const host = this.byName.get(key) ?? { v4: [], v6: [] };
      this.byName.set(key, host);
      const list = rdata.length === 4 ? host.v4 : host.v6;
      const isNew = !list.some((known) => known.equals(rdata));
      if (isNew && list.length < addressesMax) list.push(rdata);
      const reverse = nameKey(reverseName(rdata));
      if (!this.byAddress.has(reverse)) this.byAddress.set(reverse, name);
    }
  }
}

/** The name under which an address has its PTR record: RFC 1035 §3.5, RFC 3596 §2.5. */
export function reverseName(rdata: Buffer): TName {
  if (rdata.length === 4) return parseName(`${[...rdata].reverse().join('.')}.in-addr.arpa`);
  const nibbles = [...rdata.toString('hex')].reverse().join('.');
  return parseName(`${nibbles}.ip6.arpa`);
}

function said(name: TName, type: number, rdatas: readonly Buffer[]): IAnswer {
  const answer = rdatas.map((rdata): IRecord => {
    return { name, type, class: recordClass.IN, ttl: ttlSeconds, rdata };
  });
  const rest = { security: 'insecure', extendedError: null } as const;
  return { rcode: rcode.NOERROR, answer, authority: [], ...rest };
}

function nameOf(text: string): TName | null {
  const name = tryParseName(text);
  return name !== null && name.length > 1 ? name : null;
}
