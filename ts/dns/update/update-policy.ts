import type { IUpdateRule } from '../../../ts_interfaces/index.ts';
import type { IAddressLists } from '../../net/client-set.ts';
import { equalNames, isSubdomain, lowerName, tryParseName } from '../codec/name.ts';
import { recordType, recordTypeOf } from '../codec/types.ts';
import { Acl } from '../zones/acl.ts';

/** Types that signing makes: a rule has to name them. */
const madeTypes: ReadonlySet<number> = new Set([
  recordType.RRSIG,
  recordType.NSEC,
  recordType.NSEC3,
  recordType.NSEC3PARAM,
  recordType.DNSKEY,
  recordType.CDS,
  recordType.CDNSKEY,
]);

/** Which names a rule is about. */
type TNames = (name: Buffer) => boolean;

interface IRule {
  readonly who: Acl;
  readonly names: readonly TNames[];
  /** Null: all that need not be named. */
  readonly types: ReadonlySet<number> | null;
}

/** What one client may change of a zone. */
export interface IUpdateGrant {
  /** @param name in the zone, in wire form and any case. */
  allows(name: Buffer, type: number): boolean;
  /** Whether it may change anything at the name. */
  touches(name: Buffer): boolean;
}

/** Who may change which records of a zone: the rules of its `update`. */
export class UpdatePolicy {
  private readonly rules: readonly IRule[];
  private readonly apex: Buffer;

  /**
   * @param apex in wire form.
   * @throws DcError `CONFIG_INVALID` for rules that `parseZone` would have refused.
   */
  constructor(rules: readonly IUpdateRule[], apex: Buffer, lists?: IAddressLists) {
    this.apex = apex;
    this.rules = rules.map((rule) => ({
      who: new Acl(
        [...(rule.key === undefined ? [] : [`key:${rule.key}`]), ...(rule.from ?? [])],
        lists,
      ),
      names: (rule.names ?? ['**']).map((text) => namesOf(text, apex)),
      types:
        rule.types === undefined
          ? null
          : new Set(rule.types.flatMap((text) => recordTypeOf(text) ?? [])),
    }));
  }

  /**
   * What a client may change by the rules that are for it; null: nothing at all.
   *
   * @param address IP address.
   * @param keyName of the key that its message was verified with; null: it was not signed.
   */
  grantFor(address: string, keyName: string | null): IUpdateGrant | null {
    const rules = this.rules.filter(({ who }) => who.allows(address, keyName));
    if (rules.length === 0) return null;
    return {
      allows: (name, type) => rules.some((rule) => this.fits(rule, name, type)),
      touches: (name) => rules.some(({ names }) => names.some((covers) => covers(name))),
    };
  }

  private fits({ names, types }: IRule, name: Buffer, type: number): boolean {
    if (!names.some((covers) => covers(name))) return false;
    if (types !== null) return types.has(type);
    if (type === recordType.SOA || madeTypes.has(type)) return false;
    return type !== recordType.NS || !equalNames(name, this.apex);
  }
}

/**
 * `**`, `*.x` for what is below `x`, `x.*` for `x` in front of any name of the zone, or one name;
 * relative ones are of the zone.
 */
function namesOf(text: string, apex: Buffer): TNames {
  if (text === '**') return () => true;
  const [, head, tail = ''] = /^(.+?)\.\*(?:\.(.*))?$/.exec(text) ?? [];
  if (head !== undefined && head !== '*') return namesInFront(head, tail, apex);
  const isBelow = text === '*' || text.startsWith('*.');
  const rest = isBelow ? text.slice(2) : text;
  const name = rest === '' || rest === '@' ? apex : tryParseName(rest, apex);
  // Longer than a name may be: nothing has it.
  if (name === null) return () => false;
  if (!isBelow) return (other) => equalNames(other, name);
  return (other) => other.length > name.length && isSubdomain(other, name);
}

/** Names of `head`, one label or more, and `tail`: `_acme-challenge.*`. */
function namesInFront(head: string, tail: string, apex: Buffer): TNames {
  const end = tail === '' ? apex : tryParseName(tail, apex);
  const start = tryParseName(`${head}.`, apex);
  if (start === null || end === null) return () => false;
  const labels = lowerName(start).subarray(0, -1);
  return (other) =>
    other.length > labels.length + end.length &&
    lowerName(other).subarray(0, labels.length).equals(labels) &&
    isSubdomain(other, end);
}
