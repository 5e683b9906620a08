import { domainToASCII } from 'node:url';
import type { IExtendedError } from '../codec/edns.ts';
import type { IRecord } from '../codec/message.ts';
import {
  formatName,
  labelCount,
  lowerName,
  NameError,
  parseName,
  tryParseName,
} from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { rcode, rcodeName, recordType, recordTypeName, recordTypeOf } from '../codec/types.ts';
import { type IAnswer, type IAsked, isUsable, type TTrace, ttlSecondsOf } from './answer.ts';
import type { CachingResolver, ILookupResult } from './caching-resolver.ts';
import type { Hosts } from './hosts.ts';
import { specialAnswer } from './special-names.ts';

/** How a name is resolved. */
export interface IResolveOptions {
  /** Whether a short name is tried within the system's search domains. @default false */
  readonly search?: boolean;
  /** Whether an answer that fails validation is given all the same. @default false */
  readonly checkingDisabled?: boolean;
  /** Is told of each query to a server; then the answer itself does not come from the cache. */
  readonly trace?: TTrace;
}

/** A record as text. */
export interface IResolvedRecord {
  /** Absolute, with a trailing dot. */
  readonly name: string;
  readonly type: string;
  /** Seconds that are left. */
  readonly ttl: number;
  /** As in a master file, names absolute. */
  readonly data: string;
}

/** The outcome of resolving a name. */
export interface IResolution {
  /** `NOERROR` (with or without records), `NXDOMAIN`, or a failure such as `SERVFAIL`. */
  readonly rcode: string;
  /** Those of the type that was asked for, also when an alias led to them. */
  readonly records: readonly IResolvedRecord[];
  /** The name that the records belong to: the last target of aliases; absolute, lower case. */
  readonly canonicalName: string;
  /** Whether signatures prove it, from a trust anchor on: what AD says. */
  readonly authenticated: boolean;
  /** Seconds for which it holds; 0: ask again. */
  readonly ttl: number;
  /** Where it came from; `stale`: expired, since the servers do not answer. */
  readonly origin: ILookupResult['origin'] | 'local';
  /** Why it failed, or is as it is; null: nothing is known. */
  readonly extendedError: IExtendedError | null;
}

/** Resolves names: what other parts of the router are given. */
export interface IResolver {
  /**
   * Resolves a name to the records of a type, through aliases. Failures of servers are a result.
   *
   * @param name absolute, with or without a trailing dot; Unicode is taken by IDNA.
   * @param type its name, e.g. `AAAA`, `TYPE65`.
   * @throws NameError when the text is no name, RangeError when there is no such type.
   */
  resolve(name: string, type: string, options?: IResolveOptions): Promise<IResolution>;
}

/** What a resolver works with. */
export interface IResolverParts {
  readonly caching: CachingResolver;
  /** The hosts file; null: none. */
  readonly hosts: (() => Promise<Hosts>) | null;
  /** The search domains; null: none. */
  readonly search: (() => Promise<ISearch>) | null;
  /** Zones of our own, which are asked before anybody else; null: none. @default null */
  readonly own?: TOwnZones | null;
  /** Whether names are asked of the public DNS: see `specialAnswer`. */
  readonly isPublic: boolean;
}

/**
 * Answers from zones of our own; null: they do not have the name.
 *
 * @param lookup asks the resolver where an alias leads out of them.
 */
export type TOwnZones = (
  asked: IAsked,
  lookup: (asked: IAsked) => Promise<IAnswer>,
) => Promise<IAnswer> | null;

/** How short names are completed: resolv.conf(5). */
export interface ISearch {
  readonly search: readonly string[];
  readonly dotsMin: number;
}

/** The hosts file, names with a meaning of their own, and then the DNS. */
export class Resolver implements IResolver {
  private readonly parts: IResolverParts;

  constructor(parts: IResolverParts) {
    this.parts = parts;
  }

  async resolve(name: string, type: string, options: IResolveOptions = {}): Promise<IResolution> {
    const number = recordTypeOf(type);
    if (number === undefined) throw new RangeError(`"${type}" is no type of records`);
    const { checkingDisabled = false, trace = null } = options;
    let last: IResolution | null = null;
    for (const candidate of await this.candidates(asciiOf(name), options.search === true)) {
      const asked = { name: lowerName(parseName(candidate)), type: number, checkingDisabled };
      const { answer, origin } = await this.lookup(asked, trace);
      const resolution = resolutionOf(asked, answer, origin);
      if (resolution.records.length > 0 || !isUsable(answer)) return resolution;
      // As glibc does: a name without such records is better than one that does not exist.
      const isBetter = last?.rcode === 'NXDOMAIN' && answer.rcode === rcode.NOERROR;
      if (last === null || isBetter) last = resolution;
    }
    if (last === null) throw new NameError(name, 'no form that can be asked for');
    return last;
  }

  /** Answers a question in wire form, as a server needs it. */
  async lookup(
    question: IAsked,
    trace: TTrace | null = null,
  ): Promise<{ readonly answer: IAnswer; readonly origin: IResolution['origin'] }> {
    const asked = { ...question, name: lowerName(question.name) };
    const hosts = this.parts.hosts === null ? null : await this.parts.hosts();
    const listed = hosts?.answer(asked);
    if (listed) return { answer: listed, origin: 'local' };
    const own = this.parts.own?.(
      asked,
      async (inner) => (await this.lookupForeign(inner, trace)).answer,
    );
    if (own) return { answer: await own, origin: 'local' };
    return this.lookupForeign(asked, trace);
  }

  /** The same past the hosts file and our own zones: what clients of a server are given. */
  async lookupForeign(
    asked: IAsked,
    trace: TTrace | null = null,
  ): Promise<{ readonly answer: IAnswer; readonly origin: IResolution['origin'] }> {
    const special = specialAnswer(asked, this.parts.isPublic);
    return special === null
      ? this.parts.caching.lookup(asked, trace)
      : { answer: special, origin: 'local' };
  }

  private async candidates(name: string, searches: boolean): Promise<string[]> {
    if (!searches || name.endsWith('.') || this.parts.search === null) return [name];
    const { search, dotsMin } = await this.parts.search();
    const parsed = parseName(name);
    const longer = search.map((domain) => `${name}.${domain}`).filter(isNameText);
    const isLong = labelCount(parsed) - 1 >= dotsMin;
    return isLong ? [name, ...longer] : [...longer, name];
  }
}

function resolutionOf(asked: IAsked, answer: IAnswer, origin: IResolution['origin']): IResolution {
  const isAny = asked.type === recordType.ANY;
  const wanted = answer.answer.filter(({ type }) => isAny || type === asked.type);
  return {
    rcode: rcodeName(answer.rcode),
    records: wanted.map(textOf),
    canonicalName: formatName(canonicalOf(asked, answer)),
    authenticated: answer.security === 'secure',
    ttl: Math.min(ttlSecondsOf(answer, asked.type), 0x7fff_ffff),
    origin,
    extendedError: answer.extendedError,
  };
}

/** The target of the last alias. */
function canonicalOf(asked: IAsked, { answer }: IAnswer): IAsked['name'] {
  const { CNAME, ANY } = recordType;
  if (asked.type === CNAME || asked.type === ANY) return asked.name;
  const last = answer.findLast(({ type }) => type === CNAME);
  return last === undefined ? asked.name : lowerName(last.rdata);
}

function textOf({ name, type, ttl, rdata }: IRecord): IResolvedRecord {
  const data = rdataCodec(type).format(rdata);
  return { name: formatName(name), type: recordTypeName(type), ttl, data };
}

function asciiOf(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  if (/^[\u0000-\u007f]*$/.test(name)) return name;
  const ascii = domainToASCII(name);
  if (ascii === '') throw new NameError(name, 'characters that IDNA does not take');
  return ascii;
}

function isNameText(text: string): boolean {
  return (tryParseName(text)?.length ?? 0) > 1;
}
