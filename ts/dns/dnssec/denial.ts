import {
  equalNames,
  isSubdomain,
  labelCount,
  lastLabels,
  nameKey,
  wildcardOf,
} from '../codec/name.ts';
import { recordType } from '../codec/types.ts';
import { commonAncestor, coversName, type INsec, isDelegation } from './nsec.ts';
import { coversHash, type INsec3, nsec3Hash } from './nsec3.ts';
import type { WorkBudget } from './work-budget.ts';

/** Rounds above which an NSEC3 zone counts as unsigned (RFC 9276 §3.2). */
export const nsec3IterationsMax = 100;

/** NSEC and NSEC3 records whose signatures hold, and the zone that they are of. */
export interface IDenial {
  /** Apex, lower case. */
  readonly zone: Buffer;
  readonly nsecs: readonly INsec[];
  readonly nsec3s: readonly INsec3[];
}

/** What the records say about a claim that something does not exist. */
export type TProof =
  | 'proven'
  /** True unless there is an unsigned delegation (opt-out, RFC 5155 §6): not secure. */
  | 'opt-out'
  | 'unproven'
  /** NSEC3 with so many rounds that nobody should compute them: not secure (RFC 9276 §3.2). */
  | 'iterations'
  /** The work that one question may cost was done. */
  | 'budget';

/** What the records say about a name at which a zone could begin. */
export type TCutProof = 'unsigned' | 'no-cut' | Exclude<TProof, 'proven' | 'opt-out'>;

/** A claim was not decided, for the reason given. */
type TFailure = 'unproven' | 'budget';

/**
 * Whether the name exists, but has no records of the type: RFC 4035 §5.4, RFC 5155 §8.5 to §8.7.
 */
export function proveNoData(
  name: Buffer,
  type: number,
  denial: IDenial,
  budget: WorkBudget,
): TProof {
  if (!isSubdomain(name, denial.zone)) return 'unproven';
  for (const nsec of denial.nsecs) {
    if (equalNames(nsec.owner, name)) return verdict(lacksType(nsec.types, name, type));
    // What comes next is below the name: the name is an empty non-terminal.
    if (coversBelow(nsec, name) && isSubdomain(nsec.next, name)) return 'proven';
  }
  const covering = denial.nsecs.find((nsec) => coversBelow(nsec, name));
  if (covering !== undefined) {
    const wildcard = wildcardOf(closestEncloserOf(covering, name));
    const matching = denial.nsecs.find((nsec) => equalNames(nsec.owner, wildcard));
    return verdict(matching !== undefined && lacksType(matching.types, wildcard, type));
  }
  return withHashes(denial, budget, (hashes) => {
    const matching = hashes.match(name);
    if (matching === 'budget') return matching;
    if (matching !== undefined) return verdict(lacksType(matching.types, name, type));
    const encloser = hashes.closestEncloser(name);
    if (typeof encloser === 'string') return encloser;
    if (encloser.covering.optOut) return 'opt-out';
    const wildcard = wildcardOf(encloser.name);
    const expanded = hashes.match(wildcard);
    if (expanded === 'budget') return expanded;
    return verdict(expanded !== undefined && lacksType(expanded.types, wildcard, type));
  });
}

/** Whether neither the name nor a wildcard for it exists: RFC 4035 §5.4, RFC 5155 §8.4. */
export function proveNameError(name: Buffer, denial: IDenial, budget: WorkBudget): TProof {
  if (!isSubdomain(name, denial.zone)) return 'unproven';
  for (const nsec of denial.nsecs) {
    // RFC 9824 §3: the whole proof is one record of the name itself.
    if (equalNames(nsec.owner, name)) return verdict(nsec.types.has(recordType.NXNAME));
  }
  const covering = denial.nsecs.find((nsec) => coversBelow(nsec, name));
  if (covering !== undefined) {
    if (isSubdomain(covering.next, name)) return 'unproven';
    const wildcard = wildcardOf(closestEncloserOf(covering, name));
    return verdict(denial.nsecs.some((nsec) => coversBelow(nsec, wildcard)));
  }
  return withHashes(denial, budget, (hashes) => {
    const encloser = hashes.closestEncloser(name);
    if (typeof encloser === 'string') return encloser;
    const wildcard = hashes.cover(wildcardOf(encloser.name));
    if (wildcard === 'budget') return wildcard;
    if (wildcard === undefined) return 'unproven';
    return encloser.covering.optOut ? 'opt-out' : 'proven';
  });
}

/**
 * Whether no name exists that is closer to `name` than the wildcard from which its records were
 * expanded: RFC 4035 §5.3.4, RFC 5155 §8.8.
 */
export function proveExpansion(
  name: Buffer,
  wildcard: Buffer,
  denial: IDenial,
  budget: WorkBudget,
): TProof {
  const encloser = lastLabels(wildcard, labelCount(wildcard) - 1);
  for (const nsec of denial.nsecs) {
    if (!coversBelow(nsec, name) || isSubdomain(nsec.next, name)) continue;
    if (equalNames(closestEncloserOf(nsec, name), encloser)) return 'proven';
  }
  return withHashes(denial, budget, (hashes) => {
    const covering = hashes.cover(lastLabels(name, labelCount(encloser) + 1));
    if (covering === 'budget') return covering;
    if (covering === undefined) return 'unproven';
    return covering.optOut ? 'opt-out' : 'proven';
  });
}

/**
 * What an answer without a DS means for the name: an unsigned zone may begin there, or none does,
 * so that the name's records are in the zone above (RFC 4035 §5.2, RFC 5155 §8.6, §8.9).
 */
export function proveCut(name: Buffer, denial: IDenial, budget: WorkBudget): TCutProof {
  for (const nsec of denial.nsecs) {
    if (equalNames(nsec.owner, name)) return cutOf(nsec.types);
    if (coversBelow(nsec, name)) return 'no-cut';
  }
  const proof = withHashes(denial, budget, (hashes) => {
    const matching = hashes.match(name);
    if (matching === 'budget') return matching;
    if (matching !== undefined) return cutOf(matching.types);
    const encloser = hashes.closestEncloser(name);
    if (typeof encloser === 'string') return encloser;
    return encloser.covering.optOut ? 'unsigned' : 'no-cut';
  });
  return proof;
}

function cutOf(types: ReadonlySet<number>): 'unsigned' | 'no-cut' | 'unproven' {
  // With a SOA it is the zone's own word about itself, which does not count for its parent.
  if (types.has(recordType.DS) || types.has(recordType.SOA)) return 'unproven';
  return types.has(recordType.NS) ? 'unsigned' : 'no-cut';
}

function verdict(isProven: boolean): 'proven' | 'unproven' {
  return isProven ? 'proven' : 'unproven';
}

/** Whether the owner of these types has no answer for the type: RFC 6840 §4.1, §4.3. */
function lacksType(types: ReadonlySet<number>, name: Buffer, type: number): boolean {
  if (types.has(type) || types.has(recordType.CNAME)) return false;
  // The DS is the parent's, all else at a delegation is the child's.
  if (type === recordType.DS) return name.length === 1 || !types.has(recordType.SOA);
  return !isDelegation(types);
}

/** Whether the record covers the name, and speaks for it: RFC 6840 §4.1. */
function coversBelow(nsec: INsec, name: Buffer): boolean {
  return coversName(nsec, name) && !(isSubdomain(name, nsec.owner) && endsZone(nsec.types));
}

/** Whether what is below the owner is in no case the zone's: a delegation, or a DNAME. */
function endsZone(types: ReadonlySet<number>): boolean {
  return isDelegation(types) || types.has(recordType.DNAME);
}

/** The closest name above a name that exists, by the record that covers it. */
function closestEncloserOf(nsec: INsec, name: Buffer): Buffer {
  const behindOwner = commonAncestor(nsec.owner, name);
  const beforeNext = commonAncestor(nsec.next, name);
  return labelCount(behindOwner) >= labelCount(beforeNext) ? behindOwner : beforeNext;
}

/** The closest encloser, and the record that covers the name one label longer. */
interface IEncloser {
  readonly name: Buffer;
  readonly covering: INsec3;
}

/** Answers questions about names from NSEC3 records of the same parameters. */
class HashedNames {
  private readonly zone: Buffer;
  private readonly records: readonly INsec3[];
  private readonly budget: WorkBudget;
  private readonly hashes = new Map<string, Buffer>();

  constructor(zone: Buffer, records: readonly INsec3[], budget: WorkBudget) {
    this.zone = zone;
    this.records = records;
    this.budget = budget;
  }

  /** The record of the name itself. */
  match(name: Buffer): INsec3 | undefined | 'budget' {
    const digest = this.hash(name);
    if (digest === undefined) return 'budget';
    return this.records.find((record) => record.hash.equals(digest));
  }

  /** A record by which the name does not exist. */
  cover(name: Buffer): INsec3 | undefined | 'budget' {
    const digest = this.hash(name);
    if (digest === undefined) return 'budget';
    return this.records.find((record) => coversHash(record, digest));
  }

  /** RFC 5155 §8.3. */
  closestEncloser(name: Buffer): IEncloser | TFailure {
    const labels = labelCount(name);
    for (let count = labels - 1; count >= labelCount(this.zone); count--) {
      const ancestor = lastLabels(name, count);
      const matching = this.match(ancestor);
      if (matching === 'budget') return matching;
      if (matching === undefined) continue;
      const covering = this.cover(lastLabels(name, count + 1));
      if (covering === 'budget') return covering;
      const speaks = !endsZone(matching.types);
      return speaks && covering !== undefined ? { name: ancestor, covering } : 'unproven';
    }
    return 'unproven';
  }

  private hash(name: Buffer): Buffer | undefined {
    const key = nameKey(name);
    const known = this.hashes.get(key);
    const params = this.records[0];
    if (known !== undefined || params === undefined) return known;
    if (!this.budget.take('hashes')) return undefined;
    const digest = nsec3Hash(name, params);
    this.hashes.set(key, digest);
    return digest;
  }
}

function withHashes<TResult extends string>(
  { zone, nsec3s }: IDenial,
  budget: WorkBudget,
  decide: (hashes: HashedNames) => TResult,
): TResult | 'unproven' | 'iterations' {
  const first = nsec3s[0];
  if (first === undefined) return 'unproven';
  // RFC 5155 §8.2: all records of an answer have the same parameters; others prove nothing.
  const alike = nsec3s.filter(
    ({ iterations, salt }) => iterations === first.iterations && salt.equals(first.salt),
  );
  if (first.iterations > nsec3IterationsMax) return 'iterations';
  return decide(new HashedNames(zone, alike, budget));
}
