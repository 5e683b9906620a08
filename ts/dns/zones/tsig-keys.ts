import type { ITsigKeyOptions } from '../../../ts_interfaces/index.ts';
import { formatName, nameKey, parseName, type TName } from '../codec/name.ts';
import { type ITsigKey, makeTsigKey } from '../codec/tsig.ts';
import { keyNameOf } from './acl.ts';

/** The keys of `dns.keys`, by name. It never changes: other options make another one. */
export class TsigKeys {
  private readonly byName = new Map<string, ITsigKey>();

  /**
   * @param options by name. @default none
   * @throws NameError, RangeError for a name, algorithm or secret that is refused.
   */
  constructor(options: Readonly<Record<string, ITsigKeyOptions>> = {}) {
    for (const [name, { algorithm = 'hmac-sha256', secret }] of Object.entries(options)) {
      const key = makeTsigKey(name, algorithm, secret);
      this.byName.set(nameKey(key.name), key);
    }
  }

  /** The key that a message says it is signed with. @param name in wire form, in any case. */
  readonly of = (name: TName): ITsigKey | undefined => this.byName.get(nameKey(name));

  /** The key that options name; undefined: there is none. @throws NameError for what is no name. */
  named(text: string): ITsigKey | undefined {
    return this.byName.get(nameKey(parseName(text)));
  }
}

/** The name of a key as text, as `Acl` compares it. */
export function tsigKeyName({ name }: Pick<ITsigKey, 'name'>): string {
  return keyNameOf(formatName(name));
}
