import { recordsOf } from '../answer/encode-sections.ts';
import { isForeign } from '../answer/foreign-answers.ts';
import { sectionsFor } from '../answer/sections.ts';
import type { ZoneSet } from '../answer/zone-set.ts';
import type { IRecord } from '../codec/message.ts';
import { rcode } from '../codec/types.ts';
import { ZoneSigner } from '../dnssec/zone-signer.ts';
import { failure, type IAnswer, isUsable, type TSecurity, weaker } from '../resolver/answer.ts';
import type { TOwnZones } from '../resolver/index.ts';

/** The most that is asked of it: no signatures, no addresses that nobody needs. */
const sectionOptions = { dnssec: false, minimalAny: false, minimalResponses: true } as const;

/**
 * Answers from zones of our own, so that other parts of the router see a change at once, and where
 * the public DNS does not know them. What we sign ourselves counts as proven: the keys are ours. A
 * zone that is not loaded or expired, and what is delegated, is left to the resolver.
 */
export function ownZones(zones: ZoneSet): TOwnZones {
  return ({ name, type, checkingDisabled }, lookup) => {
    if (isForeign(zones, name, type) || typeof zones.closest(name)?.zone === 'string') return null;
    const sections = sectionsFor(zones, name, type, sectionOptions);
    const own: IAnswer = {
      ...failure(sections.reason, sections.rcode),
      answer: recordsOf(sections.answer),
      authority: recordsOf(sections.authority),
      security: securityOf(zones, recordsOf([...sections.answer, ...sections.authority])),
    };
    const { leads } = sections;
    if (leads === null) return Promise.resolve(own);
    if (own.answer.length === 0) return null;
    return lookup({ name: leads, type, checkingDisabled }).then((rest) => behind(own, rest));
  };
}

function behind(own: IAnswer, rest: IAnswer): IAnswer {
  if (!isUsable(rest)) return { ...rest, rcode: rest.rcode || rcode.SERVFAIL };
  const security = weaker(own.security, rest.security);
  return { ...rest, answer: [...own.answer, ...rest.answer], security };
}

function securityOf(zones: ZoneSet, records: readonly IRecord[]): TSecurity {
  const isSigned = ({ name }: IRecord) => zones.closest(name)?.signer instanceof ZoneSigner;
  return records.length > 0 && records.every(isSigned) ? 'secure' : 'insecure';
}
