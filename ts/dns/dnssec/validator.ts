import { type IClock, systemClock } from '../../core/clock.ts';
import { extendedError, type IExtendedError } from '../codec/edns.ts';
import {
  equalNames,
  isSubdomain,
  lowerName,
  parentOf,
  replaceSuffix,
  rootName,
} from '../codec/name.ts';
import { rcode, recordType } from '../codec/types.ts';
import {
  ChainOfTrust,
  find,
  type IResponse,
  type IWork,
  insecureHashes,
  isDenial,
  nameOf,
  type TFetch,
} from './chain-of-trust.ts';
import { proveExpansion, proveNameError, proveNoData, type TProof } from './denial.ts';
import { groupRecords, type ISignedRrset } from './rrset.ts';
import { parseRrsig } from './rrsig.ts';
import { failureError, type ITrustAnchor, rootAnchors, type TZoneTrust } from './trust.ts';
import { type IWorkLimits, WorkBudget } from './work-budget.ts';

export type { IResponse, TFetch } from './chain-of-trust.ts';

/** What is known of an answer: RFC 4035 §4.3. */
export type TSecurity = 'secure' | 'insecure' | 'bogus' | 'indeterminate';

/** What a validation gave. */
export interface IValidation {
  /** AD may be set for `secure`; `bogus` is answered with SERVFAIL. */
  readonly status: TSecurity;
  /** Why it is not secure; null: nothing to say. */
  readonly error: IExtendedError | null;
  /** Seconds that what was checked may be kept at most; Infinity where nothing was. */
  readonly ttlS: number;
  /**
   * The rrsets of the answer section that were checked: the aliases and what they lead to. Others
   * in the message are not vouched for.
   */
  readonly rrsets: readonly ISignedRrset[];
}

/** What a validator starts from. */
export interface IValidatorOptions {
  /** @default the root's keys */
  readonly anchors?: readonly ITrustAnchor[];
  /** Zones below which nothing is checked (RFC 7646), in wire form. @default [] */
  readonly insecureZones?: readonly Buffer[];
  /** What one answer may cost. */
  readonly limits?: Partial<IWorkLimits>;
  /** Names whose keys, or lack of such, are kept. @default 20000 */
  readonly cacheEntriesMax?: number;
}

/** Aliases in one answer. */
const aliasesMax = 16;

/** Signatures that were asked for by themselves are not signed. */
const signaturesOnly: IValidation = Object.freeze({
  status: 'indeterminate',
  error: { code: extendedError.DNSSEC_INDETERMINATE, text: 'signatures are not signed' },
  ttlS: Number.POSITIVE_INFINITY,
  rrsets: [],
});

const ranks: readonly TSecurity[] = ['secure', 'insecure', 'indeterminate', 'bogus'];

/** What one link of an answer gave. */
interface IVerdict {
  readonly status: TSecurity;
  readonly error: IExtendedError | null;
  readonly ttlS: number;
}

/**
 * Tells whether answers are what the owners of their zones signed.
 *
 * It asks for DS and DNSKEY records through the function that it is given, and keeps the keys of
 * zones. What one answer can cause is bounded by a budget: signatures checked, hashes made,
 * questions asked.
 */
export class Validator {
  private readonly chain: ChainOfTrust;
  private readonly insecureZones: readonly Buffer[];
  private readonly limits: Partial<IWorkLimits>;

  constructor(options: IValidatorOptions = {}, clock: IClock = systemClock) {
    const { anchors = rootAnchors, insecureZones = [], limits = {} } = options;
    this.chain = new ChainOfTrust(anchors, clock, options.cacheEntriesMax ?? 20_000);
    this.insecureZones = insecureZones;
    this.limits = limits;
  }

  /** Forgets all keys. */
  clear(): void {
    this.chain.clear();
  }

  /**
   * Checks an answer: the records, or aliases and where they lead, or the proof that there are
   * none. An answer that ends with an alias is checked as far as it goes.
   *
   * @param fetch asks for DS and DNSKEY; its answers are not validated by the resolver, but here.
   * @returns never rejects but with what `fetch` rejects with.
   */
  async validate(
    name: Buffer,
    type: number,
    response: IResponse,
    fetch: TFetch,
  ): Promise<IValidation> {
    if (type === recordType.RRSIG && response.answer.length > 0) return signaturesOnly;
    const work = { fetch, budget: new WorkBudget(this.limits) };
    const answer = groupRecords(response.answer);
    const authority = groupRecords(response.authority);
    const rrsets: ISignedRrset[] = [];
    const verdicts: IVerdict[] = [];
    let current = lowerName(name);
    for (let aliases = 0; aliases <= aliasesMax; aliases++) {
      const link = linkOf(answer, current, type);
      if (link === undefined) {
        const isDenied = authority.some((rrset) => rrset.type === recordType.SOA);
        const isOpen = aliases > 0 && response.rcode === rcode.NOERROR && !isDenied;
        if (!isOpen) {
          verdicts.push(await this.negative(current, type, response.rcode, authority, work));
        }
        return { ...worstOf(verdicts), rrsets };
      }
      for (const rrset of link.rrsets) {
        verdicts.push(await this.positive(rrset, authority, work));
        rrsets.push(rrset);
      }
      if (link.synthesized !== undefined) rrsets.push(link.synthesized);
      if (link.isForged) verdicts.push(bogusVerdict(`${nameOf(link.rrsets[0])}: forged alias`));
      if (link.target === null) return { ...worstOf(verdicts), rrsets };
      current = lowerName(link.target);
    }
    verdicts.push(bogusVerdict('too many aliases'));
    return { ...worstOf(verdicts), rrsets };
  }

  private async positive(
    rrset: ISignedRrset,
    authority: readonly ISignedRrset[],
    work: IWork,
  ): Promise<IVerdict> {
    const trust = await this.trustOf(rrset.name, rrset.type, [rrset], work);
    if (trust.kind !== 'secure') return verdictOf(trust, rrset.ttl);
    const result = this.chain.verify(rrset, trust, work);
    if (!result.ok) {
      const error = failureError(nameOf(rrset), result.failure);
      return { status: 'bogus', error, ttlS: rrset.ttl };
    }
    if (result.wildcard === null) return { status: 'secure', error: null, ttlS: result.ttl };
    const found = this.chain.denialOf(authority, trust, work);
    const owner = lowerName(rrset.name);
    const proof = proveExpansion(owner, result.wildcard, found.denial, work.budget);
    const ttlS = Math.min(result.ttl, found.ttl);
    return proofVerdict(proof, rrset, found.error, ttlS);
  }

  private async negative(
    name: Buffer,
    type: number,
    code: number,
    authority: readonly ISignedRrset[],
    work: IWork,
  ): Promise<IVerdict> {
    const question = { name, type };
    if (code !== rcode.NOERROR && code !== rcode.NXDOMAIN) {
      const text = `${nameOf(question)}: no answer to check`;
      const error = { code: extendedError.DNSSEC_INDETERMINATE, text };
      return { status: 'indeterminate', error, ttlS: 0 };
    }
    const trust = await this.trustOf(name, type, authority.filter(isDenial), work);
    if (trust.kind !== 'secure') return verdictOf(trust, Number.POSITIVE_INFINITY);
    const { denial, ttl, error } = this.chain.denialOf(authority, trust, work);
    const proof =
      code === rcode.NXDOMAIN
        ? proveNameError(name, denial, work.budget)
        : proveNoData(name, type, denial, work.budget);
    return proofVerdict(proof, question, error, ttl);
  }

  /** The zone of a name, by the word of the signatures or, without them, by its labels. */
  private async trustOf(
    name: Buffer,
    type: number,
    rrsets: readonly ISignedRrset[],
    work: IWork,
  ): Promise<TZoneTrust> {
    if (this.insecureZones.some((zone) => isSubdomain(name, zone))) {
      return { kind: 'insecure', error: null };
    }
    // The DS of a zone is its parent's.
    const highest = type === recordType.DS ? (parentOf(name) ?? rootName) : name;
    const signer = signerOf(rrsets, highest);
    return this.chain.zoneOf(signer ?? highest, signer !== undefined, work);
  }
}

/** The deepest zone at or above the name that a signature names. */
function signerOf(rrsets: readonly ISignedRrset[], name: Buffer): Buffer | undefined {
  let deepest: Buffer | undefined;
  for (const rdata of rrsets.flatMap(({ signatures }) => signatures)) {
    const signer = parseRrsig(rdata)?.signer;
    if (signer === undefined || !isSubdomain(name, signer)) continue;
    if (deepest === undefined || signer.length > deepest.length) deepest = signer;
  }
  return deepest;
}

/** What an answer has for one name. */
interface ILink {
  readonly rrsets: readonly [ISignedRrset, ...ISignedRrset[]];
  /** Where it leads on; null: it is what was asked for. */
  readonly target: Buffer | null;
  /** The CNAME that a DNAME makes; it is not signed. */
  readonly synthesized?: ISignedRrset | undefined;
  /** The CNAME beside a DNAME is not the one that the DNAME makes. */
  readonly isForged: boolean;
}

function linkOf(answer: readonly ISignedRrset[], name: Buffer, type: number): ILink | undefined {
  const asked = answer.filter(
    (rrset) => equalNames(rrset.name, name) && (rrset.type === type || type === recordType.ANY),
  );
  const [first, ...rest] = asked;
  const cname = find(answer, name, recordType.CNAME);
  // Only a CNAME can be made by a DNAME.
  const isMade = cname !== undefined && asked.every((rrset) => rrset === cname);
  if (first !== undefined && !isMade) {
    return { rrsets: [first, ...rest], target: null, isForged: false };
  }
  const dname = answer.find(
    (rrset) =>
      rrset.type === recordType.DNAME &&
      isSubdomain(name, rrset.name) &&
      !equalNames(name, rrset.name),
  );
  if (dname !== undefined) return redirected(dname, cname, name, type);
  if (cname === undefined) return undefined;
  const target = isWanted(type) ? null : (cname.rdatas[0] as Buffer);
  return { rrsets: [cname], target, isForged: cname.rdatas.length !== 1 };
}

/** Whether a CNAME is what was asked for, so that nothing is behind it. */
function isWanted(type: number): boolean {
  return type === recordType.CNAME || type === recordType.ANY;
}

function redirected(
  dname: ISignedRrset,
  cname: ISignedRrset | undefined,
  name: Buffer,
  type: number,
): ILink {
  const target = replaceSuffix(name, dname.name, dname.rdatas[0] as Buffer);
  const given = cname?.rdatas[0];
  const differs = given !== undefined && (target === null || !equalNames(given, target));
  const isForged = differs || dname.rdatas.length !== 1 || (cname?.rdatas.length ?? 1) !== 1;
  const isEnd = isWanted(type) && cname !== undefined;
  return { rrsets: [dname], target: isEnd ? null : target, synthesized: cname, isForged };
}

function verdictOf(trust: Exclude<TZoneTrust, { kind: 'secure' }>, ttlS: number): IVerdict {
  return { status: trust.kind, error: trust.error, ttlS };
}

function proofVerdict(
  proof: TProof,
  what: { name: Buffer; type: number },
  error: IExtendedError | null,
  ttlS: number,
): IVerdict {
  switch (proof) {
    case 'proven':
      return { status: 'secure', error: null, ttlS };
    case 'opt-out':
      return { status: 'insecure', error: null, ttlS };
    case 'iterations':
      return { status: 'insecure', error: insecureHashes(what.name).error, ttlS };
    case 'budget':
      return { status: 'bogus', error: failureError(nameOf(what), 'budget'), ttlS };
    case 'unproven': {
      const text = `${nameOf(what)}: nothing proves that it is missing`;
      const missing = { code: extendedError.NSEC_MISSING, text };
      return { status: 'bogus', error: error ?? missing, ttlS };
    }
  }
}

function bogusVerdict(text: string): IVerdict {
  return { status: 'bogus', error: { code: extendedError.DNSSEC_BOGUS, text }, ttlS: 0 };
}

/** An answer is as good as its worst part, and lasts as long as the shortest. */
function worstOf(verdicts: readonly IVerdict[]): IVerdict {
  let worst: IVerdict = { status: 'secure', error: null, ttlS: Number.POSITIVE_INFINITY };
  for (const verdict of verdicts) {
    const ttlS = Math.min(worst.ttlS, verdict.ttlS);
    const isWorse = ranks.indexOf(verdict.status) > ranks.indexOf(worst.status);
    worst = { ...(isWorse ? verdict : worst), ttlS };
  }
  return worst;
}
