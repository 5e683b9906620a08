import { Slices } from '../../core/slices.ts';
import { encodeMessage, messageBytesMax } from '../codec/encode.ts';
import type { IMessage, IRecord } from '../codec/message.ts';

/**
 * Messages of a transfer are about as long: names are compressed by pointers, which reach no
 * further.
 */
const messageBytesWanted = 16_384;
/** Type, class, TTL and length of a record. */
const recordHeadBytes = 10;
/** A name that was written just before. */
const pointerBytes = 2;

/**
 * Puts records into as few messages as it takes, in order, and lets others run between them.
 *
 * @param first answer to the query, without records: the first message has its question and OPT.
 * @param tailBytes room that a message leaves for its signature.
 * @throws RangeError for a record that no message holds: the transfer cannot go on.
 */
export async function* packMessages(
  first: IMessage,
  records: Iterable<IRecord>,
  tailBytes: number,
): AsyncGenerator<Buffer, void> {
  let head = first;
  let batch: IRecord[] = [];
  let size = 0;
  const slices = new Slices();
  const flush = (): Buffer => {
    const bytes = encodeMessage(
      { ...head, answer: batch },
      { sizeMax: messageBytesMax - tailBytes },
    );
    if (isTruncated(bytes)) throw new RangeError('A record is longer than a message may be');
    head = { ...first, question: [], edns: null };
    batch = [];
    size = 0;
    return bytes;
  };
  for (const record of records) {
    const last = batch.at(-1);
    const nameBytes = last?.name.equals(record.name) ? pointerBytes : record.name.length;
    const bytes = nameBytes + recordHeadBytes + record.rdata.length;
    if (batch.length > 0 && size + bytes > messageBytesWanted) {
      yield flush();
      if (slices.isOver) await slices.rest();
    }
    batch.push(record);
    size += bytes;
  }
  yield flush();
}

function isTruncated(bytes: Buffer): boolean {
  return ((bytes[2] as number) & 2) !== 0;
}
