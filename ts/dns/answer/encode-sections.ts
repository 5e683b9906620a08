import { encodeMessage } from '../codec/encode.ts';
import { emptyMessage, type IQuestion, type IRecord } from '../codec/message.ts';
import type { IRrset } from '../zone/owner-data.ts';
import { wholeBytesMax } from './answer-cache.ts';
import type { ISections } from './sections.ts';

/** What is cut off leaves room for the largest OPT record that we add, in 512 bytes. */
const cutBytesMax = 320;

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

/**
 * The same for an answer that is longer than any datagram of ours, to be kept: without additional records that
 * nobody needs when that makes it fit, else cut off so short that everybody may have it.
 */
export function encodeForDatagram(question: IQuestion, sections: ISections): Buffer {
  const bytes = encodeSections(question, sections, wholeBytesMax);
  return isTruncated(bytes) ? encodeSections(question, sections, cutBytesMax) : bytes;
}

/** TC. */
function isTruncated(message: Buffer): boolean {
  return ((message[2] as number) & 2) !== 0;
}

/** The records of rrsets. */
export function recordsOf(rrsets: readonly IRrset[]): IRecord[] {
  const records: IRecord[] = [];
  for (const { name, type, class: classNumber, ttl, rdatas } of rrsets) {
    for (const rdata of rdatas) records.push({ name, type, class: classNumber, ttl, rdata });
  }
  return records;
}
