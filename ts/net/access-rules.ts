import { DcError, type IProblem } from '../core/errors.ts';
import { type AddressLists, isListName } from './address-list.ts';
import { isCidr } from './cidr.ts';
import { ClientSet, listNames } from './client-set.ts';

/** Who may connect. Entries are CIDRs, addresses, or `@name` for a list of `AddressLists`. */
export interface IAccessEntries {
  /** Undefined or empty: everybody. */
  allow?: readonly string[];
  /** Wins over `allow`. */
  deny?: readonly string[];
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
  private readonly allow: ClientSet | null;
  private readonly deny: ClientSet | null;
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
    this.allow = allow.length === 0 ? null : new ClientSet(allow, lists);
    this.deny = deny.length === 0 ? null : new ClientSet(deny, lists);
    this.listNames = [...new Set(listNames([...allow, ...deny]))];
  }

  /** A text that is no address is in no list and no CIDR. */
  allows(ip: string): boolean {
    const { revision } = this.lists;
    if (ip === this.lastIp && revision === this.lastRevision) return this.lastAnswer;
    const isDenied = this.deny?.contains(ip) === true;
    const answer = !isDenied && (this.allow === null || this.allow.contains(ip));
    this.lastIp = ip;
    this.lastRevision = revision;
    this.lastAnswer = answer;
    return answer;
  }
}

function problemsOf(option: string, entries: readonly string[]): IProblem[] {
  return entries.flatMap((value, index) => {
    if (value.startsWith('@') ? isListName(value.slice(1)) : isCidr(value)) return [];
    const message = 'is no CIDR such as 10.0.0.0/8 and no list such as @office';
    return [{ path: `${option}[${index}]`, message, value }];
  });
}
