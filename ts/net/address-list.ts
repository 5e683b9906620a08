import { DcError, type IProblem } from '../core/errors.ts';
import { shortened } from '../core/text.ts';
import {
  addressProblemsMax,
  CidrSet,
  canonicalCidr,
  invalidCidrs,
  isCidr,
  problemOf,
} from './cidr.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/**
 * A named list of addresses that changes while it is asked; nobody ever sees half of a change.
 *
 * 100,000 entries take about 10 MB.
 */
export class AddressList {
  readonly name: string;
  private readonly onChange: () => void;
  private set = new CidrSet();
  /** Texts in normal form, in the order in which they came. */
  private entries = new Set<string>();
  private texts: readonly string[] | null = null;

  /** @param onChange called after each change. */
  constructor(name: string, onChange: () => void = () => undefined) {
    this.name = name;
    this.onChange = onChange;
  }

  /** Networks in the list, each counted once. */
  get size(): number {
    return this.entries.size;
  }

  /** Whether the address is in the list; false for a text that is no address. */
  contains(ip: string): boolean {
    return this.set.contains(ip);
  }

  /** The networks in normal form (`canonicalCidr`), in the order in which they came. */
  cidrs(): readonly string[] {
    this.texts ??= Object.freeze([...this.entries]);
    return this.texts;
  }

  /**
   * Makes these all that is in the list.
   *
   * @throws DcError `CONFIG_INVALID`, naming the bad ones by their index; nothing changed.
   */
  replace(cidrs: readonly string[]): void {
    const set = new CidrSet(cidrs);
    const entries = new Set(normalOf(cidrs));
    this.set = set;
    this.entries = entries;
    this.changed();
  }

  /**
   * Adds to the list.
   *
   * @returns how many were not in it.
   * @throws DcError `CONFIG_INVALID`, naming the bad ones by their index; nothing changed.
   */
  add(cidrs: readonly string[]): number {
    const before = this.size;
    for (const cidr of checked(cidrs)) {
      this.set.add(cidr);
      this.entries.add(cidr);
    }
    if (this.size !== before) this.changed();
    return this.size - before;
  }

  /**
   * Removes from the list what is in it just like that: `10.0.0.0/8` does not take `10.1.2.3`
   * with it, nor can `10.1.2.3` be cut out of it.
   *
   * @returns how many were in it.
   * @throws DcError `CONFIG_INVALID`, naming the bad ones by their index; nothing changed.
   */
  remove(cidrs: readonly string[]): number {
    const before = this.size;
    for (const cidr of checked(cidrs)) {
      this.set.delete(cidr);
      this.entries.delete(cidr);
    }
    if (this.size !== before) this.changed();
    return before - this.size;
  }

  private changed(): void {
    this.texts = null;
    this.onChange();
  }
}

/** The lists that access rules can name. */
export class AddressLists {
  private readonly lists = new Map<string, AddressList>();
  private changes = 0;

  /** Grows with each change of any list, so that answers can be remembered until then. */
  get revision(): number {
    return this.changes;
  }

  /** The list of that name. */
  get(name: string): AddressList | undefined {
    return this.lists.get(name);
  }

  /**
   * Makes the list hold these CIDRs, and the list itself when it is not there.
   *
   * @throws DcError `CONFIG_INVALID` for a bad name or bad CIDRs; nothing changed.
   */
  set(name: string, cidrs: readonly string[]): AddressList {
    if (!isListName(name)) throw badName(name);
    const known = this.lists.get(name);
    const list = known ?? new AddressList(name, () => this.changes++);
    list.replace(cidrs);
    if (known === undefined) this.lists.set(name, list);
    return list;
  }

  /** Nobody is in it afterwards. @returns whether it was there. */
  delete(name: string): boolean {
    this.changes++;
    return this.lists.delete(name);
  }

  /** Names in the order in which the lists were made. */
  names(): string[] {
    return [...this.lists.keys()];
  }
}

/** Whether a list can have that name: up to 64 letters, digits, `_`, `.` and `-`. */
export function isListName(text: string): boolean {
  return namePattern.test(text);
}

/**
 * Reads a file of addresses: a CIDR or address a line; blank lines and what follows `#` or `;` is
 * left out.
 *
 * @returns the entries as written.
 * @throws DcError `CONFIG_INVALID`: the first 100 bad lines by their numbers, and how many more.
 */
export function parseAddressFile(text: string, fileName: string): string[] {
  const cidrs: string[] = [];
  const problems: IProblem[] = [];
  let bad = 0;
  // Editors on Windows put a byte order mark at the start.
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  for (const [index, line] of lines.entries()) {
    const entry = line.replace(/[#;].*$/, '').trim();
    if (entry === '') continue;
    if (isCidr(entry)) cidrs.push(entry);
    else if (++bad <= addressProblemsMax) {
      problems.push({ ...problemOf(shortened(entry), ''), file: fileName, line: index + 1 });
    }
  }
  if (bad > 0) throw invalidCidrs(problems, bad);
  return cidrs;
}

function badName(name: string): DcError {
  const message = 'is no name of up to 64 letters, digits, "_", "." and "-"';
  return new DcError('CONFIG_INVALID', 'Cannot name an address list like that', {
    problems: [{ path: 'name', message, value: name }],
  });
}

/** In normal form; the texts are known to be CIDRs. */
function normalOf(cidrs: readonly string[]): string[] {
  return cidrs.map((cidr) => canonicalCidr(cidr) ?? cidr);
}

function checked(cidrs: readonly string[]): string[] {
  const bad = cidrs.flatMap((text, index) => (isCidr(text) ? [] : [problemOf(text, `[${index}]`)]));
  if (bad.length > 0) throw invalidCidrs(bad.slice(0, addressProblemsMax), bad.length);
  return normalOf(cidrs);
}
