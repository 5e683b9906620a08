import { formatName, NameError, parentOf, parseName } from '../../ts/dns/codec/name.ts';
import { recordTypeName } from '../../ts/dns/codec/types.ts';
import type { Zone } from '../../ts/dns/zone/zone.ts';

/** What is asked, as text. */
export interface IAsked {
  readonly name: string;
  readonly type: string;
}

const otherTypes = [
  ...['A', 'AAAA', 'NS', 'SOA', 'MX', 'TXT', 'CNAME', 'DNAME', 'DS', 'DNSKEY', 'SRV', 'PTR'],
  ...['CAA', 'HTTPS', 'NSEC', 'TYPE65280'],
];
/** Of the types that a name does not have, so many are asked for. */
const othersEach = 5;

/**
 * Questions about a zone: every owner, every name between it and the apex, names beside, below and between
 * them, wildcards themselves, and in other case; each with the types that are there and some that are not.
 */
export function questionsOf(zone: Zone): IAsked[] {
  const typesOf = new Map<string, string[]>();
  for (const { name, type } of zone.rrsets()) {
    const text = formatName(name);
    typesOf.set(text, [...(typesOf.get(text) ?? []), recordTypeName(type)]);
  }
  const bases = new Set<string>();
  for (const { name } of zone.rrsets()) {
    for (let at: Buffer | null = name; at !== null && at.length >= zone.apex.length; ) {
      bases.add(formatName(at));
      at = at.length === zone.apex.length ? null : parentOf(at);
    }
  }
  const questions = new Map<string, IAsked>();
  let turn = 0;
  for (const base of bases) {
    const own = typesOf.get(base) ?? [];
    for (const name of namesAround(base, formatName(zone.apex)).filter(fits)) {
      const others = Array.from(
        { length: othersEach },
        (_, index) => otherTypes[(turn * 3 + index * 5) % otherTypes.length] as string,
      );
      turn++;
      for (const type of new Set([...own, ...others])) {
        questions.set(`${name} ${type}`, { name, type });
      }
    }
  }
  return [...questions.values()];
}

function namesAround(base: string, apex: string): string[] {
  const below = base === '.' ? '' : `.${base}`;
  const names = [base, base.toUpperCase(), `*${below}`, `x${below}`, `y.x${below}`, `*.*${below}`];
  const beside = base === apex ? [] : [`0${base}`, base.replace(/^[^.]+/, '$&0')];
  // Letters that are put beside an escape could become part of it.
  return base.includes('\\') ? names : [...names, ...beside];
}

/** Whether labels and name are no longer than they may be. */
function fits(name: string): boolean {
  try {
    parseName(name);
    return true;
  } catch (error) {
    if (error instanceof NameError) return false;
    throw error;
  }
}
