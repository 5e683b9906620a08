import { encodeMessage } from '../codec/encode.ts';
import { emptyMessage, type IQuestion, type IRecord } from '../codec/message.ts';
import type { IRrset } from '../zone/owner-data.ts';
import type { ISections } from './sections.ts';

/**
 * The message of an answer with id 0, without OPT; truncated when it would be longer than
 * `sizeMax`.
 */
export function encodeSections(question: IQuestion, sections: ISections, sizeMax: number): Buffer {
  const needed = sections.additional.slice(0, sections.additionalNeeded);
  const message = {
    ...emptyMessage,
    response: true,
    authoritative: sections.authoritative,
    rcode: sections.rcode,
    question: [question],
    answer: recordsOf(sections.answer),
    authority: recordsOf(sections.authority),
    additional: recordsOf(sections.additional),
  };
  return encodeMessage(message, { sizeMax, additionalNeeded: recordsOf(needed).length });
}

/** The records of rrsets. */
export function recordsOf(rrsets: readonly IRrset[]): IRecord[] {
  const records: IRecord[] = [];
  for (const { name, type, class: classNumber, ttl, rdatas } of rrsets) {
    for (const rdata of rdatas) records.push({ name, type, class: classNumber, ttl, rdata });
  }
  return records;
}
