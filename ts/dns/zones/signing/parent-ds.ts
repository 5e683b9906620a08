import { formatName, parentOf } from '../../codec/name.ts';
import { rdataCodec } from '../../codec/rdata.ts';
import { tokensOf } from '../../codec/tokens.ts';
import { recordType } from '../../codec/types.ts';
import type { IResolver } from '../../resolver/index.ts';
import type { IZoneIdentity } from '../stages.ts';
import type { IZoneBook } from '../types.ts';

/** What the parent of a zone says. */
export type TParentDs =
  /** These DS, none if it has none: proven, or from a zone of ours. */
  | { readonly kind: 'known'; readonly rdatas: readonly Buffer[] }
  /** Nothing that counts; `isLikely`: it has some, by an answer that nothing proves. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly isLikely: boolean };

/** The DS text of a record: its data alone, or the whole line. */
const linePattern = /^\S+\s+(?:\d+\s+)?(?:IN\s+)?DS\s+/i;

/**
 * Asks which DS records the parent of a zone has. When we host the parent, that is what it says;
 * else only an answer that signatures prove counts. Never rejects.
 */
export async function parentDs(
  { apex, options }: IZoneIdentity,
  book: Pick<IZoneBook, 'closest'>,
  resolver: IResolver,
): Promise<TParentDs> {
  const parent = parentOf(apex);
  if (parent === null) return unknown('The root has no parent');
  const hosted = book.closest(parent, options.view ?? null)?.served?.zone.node(apex);
  if (hosted?.has(recordType.NS) === true) {
    return { kind: 'known', rdatas: hosted.rrset(recordType.DS)?.rdatas ?? [] };
  }
  try {
    const found = await resolver.resolve(formatName(apex), 'DS');
    if (found.rcode !== 'NOERROR' && found.rcode !== 'NXDOMAIN') {
      return unknown(`The resolver answers ${found.rcode}`);
    }
    if (!found.authenticated) {
      const isLikely = found.records.length > 0;
      return unknown('The answer for the DS is not proven by DNSSEC', isLikely);
    }
    return { kind: 'known', rdatas: found.records.map(({ data }) => parseDsText(data)) };
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

function unknown(reason: string, isLikely = false): TParentDs {
  return { kind: 'unknown', reason, isLikely };
}

/** The rdata of a DS that somebody wrote. @throws RdataError */
export function parseDsText(text: string): Buffer {
  const data = text.trim().replace(linePattern, '');
  return rdataCodec(recordType.DS).parse(tokensOf(data), Buffer.of(0));
}
