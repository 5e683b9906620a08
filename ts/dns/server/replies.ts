import type { IDnsClient, IQueryHandler, IReplyFacts } from '../answer/query-handler.ts';
import { headerBytes } from '../codec/message.ts';
import { nameEnd } from '../codec/name.ts';
import { rcode } from '../codec/types.ts';

/** What `safeAnswer` says when the handler threw: `out` then begins with `failureBytes` to send. */
export const failed = -2;
/** Bytes of a SERVFAIL without a question. */
export const failureBytes = headerBytes;

/**
 * The answer of a handler; when it throws, which is a fault of ours, SERVFAIL and `onFault`.
 *
 * @returns as `IQueryHandler.answer`, or `failed`.
 */
export function safeAnswer(
  handler: IQueryHandler,
  query: Buffer,
  client: IDnsClient,
  out: Buffer,
  onFault: (error: unknown) => void,
): number {
  try {
    return handler.answer(query, client, out);
  } catch (error) {
    onFault(error);
    if (query.length < headerBytes) return 0;
    writeFailure(query, out);
    return failed;
  }
}

/** SERVFAIL without a question, to a query of at least a header. */
export function failureTo(query: Buffer): Buffer {
  const out = Buffer.alloc(failureBytes);
  writeFailure(query, out);
  return out;
}

function writeFailure(query: Buffer, out: Buffer): void {
  out.fill(0, 0, headerBytes);
  query.copy(out, 0, 0, 3);
  out[2] = ((query[2] as number) & 0x79) | 0x80;
  out[3] = rcode.SERVFAIL;
}

/** Where the question of a message of ours ends; after the header when it has none. */
export function questionEndOf(message: Buffer): number {
  const end = message.readUInt16BE(4) === 0 ? -1 : nameEnd(message, headerBytes);
  return end === -1 ? headerBytes : end + 4;
}

/** An answer of ours with its question alone, and TC. */
export function shortened(message: Buffer): Buffer {
  const bytes = Buffer.from(message.subarray(0, questionEndOf(message)));
  bytes[2] = (bytes[2] as number) | 2;
  bytes.fill(0, 6, headerBytes);
  return bytes;
}

/** Whether TC is set. */
export function isTruncated(message: Buffer): boolean {
  return ((message[2] as number) & 2) !== 0;
}

/** Takes all records but OPT from an answer and sets TC. @returns bytes that remain. */
export function cutDown(
  message: Buffer,
  length: number,
  { questionEnd, optStart }: IReplyFacts,
): number {
  message[2] = (message[2] as number) | 2;
  message.fill(0, 6, headerBytes);
  if (optStart >= length) return questionEnd;
  message[11] = 1;
  message.copyWithin(questionEnd, optStart, length);
  return questionEnd + length - optStart;
}
