import { DcError, type IProblem } from '../core/errors.ts';
import { type AddressLists, isListName } from './address-list.ts';
import { CidrSet, isCidr } from './cidr.ts';

/** Who may connect. Entries are CIDRs, addresses, or `@name` for a list of `AddressLists`. */
export interface IAccessEntries {
  /** Undefined or empty: everybody. */
  allow?: readonly string[];
  /** Wins over `allow`. */
  deny?: readonly string[];
}

/** The addresses of an allow or deny option. */
interface IAddresses {
  readonly own: CidrSet;
  readonly names: readonly string[];
}

/**
 * Answers whether an address may connect.
 *
 * Lists are asked by name at every question, so that their changes count at once, also that one
 * comes or goes; one that is not there has nobody in it: denied through it is nobody, allowed
 * through it alone is nobody either.
 */
export class AccessRules {
  /** Names of all lists that the entries refer to. */
  readonly listNames: readonly string[];
  private readonly lists: AddressLists;
  /** Null: nothing said. */
  private readonly allow: IAddresses | null;
  private readonly deny: IAddresses | null;
  // Requests on one connection ask for one address after the other.
  private lastIp: string | undefined;
  private lastRevision = -1;
  private lastAnswer = false;

  /** @throws DcError `CONFIG_INVALID` for entries that are none, e.g. `deny[3]`. */
  constructor({ allow = [], deny = [] }: IAccessEntries, lists: AddressLists) {
    const problems = [...problemsOf('allow', allow), ...problemsOf('deny', deny)];
    if (problems.length > 0) {
      throw new DcError('CONFIG_INVALID', `"${problems[0]?.value}" is no address`, { problems });
    }
    this.lists = lists;
    this.allow = compile(allow);
    this.deny = compile(deny);
    this.listNames = [...new Set([...(this.allow?.names ?? []), ...(this.deny?.names ?? [])])];
  }

  /** A text that is no address is in no list and no CIDR. */
  allows(ip: string): boolean {
    const { revision } = this.lists;
    if (ip === this.lastIp && revision === this.lastRevision) return this.lastAnswer;
    const isDenied = this.deny !== null && this.has(this.deny, ip);
    const answer = !isDenied && (this.allow === null || this.has(this.allow, ip));
    this.lastIp = ip;
    this.lastRevision = revision;
    this.lastAnswer = answer;
    return answer;
  }

  private has({ own, names }: IAddresses, ip: string): boolean {
    if (own.contains(ip)) return true;
    for (const name of names) if (this.lists.get(name)?.contains(ip) === true) return true;
    return false;
  }
}

function compile(entries: readonly string[]): IAddresses | null {
  if (entries.length === 0) return null;
  const names = entries.filter((entry) => entry.startsWith('@')).map((entry) => entry.slice(1));
  return { own: new CidrSet(entries.filter((entry) => !entry.startsWith('@'))), names };
}

function problemsOf(option: string, entries: readonly string[]): IProblem[] {
  return entries.flatMap((value, index) => {
    if (value.startsWith('@') ? isListName(value.slice(1)) : isCidr(value)) return [];
    const message = 'is no CIDR such as 10.0.0.0/8 and no list such as @office';
    return [{ path: `${option}[${index}]`, message, value }];
  });
}
