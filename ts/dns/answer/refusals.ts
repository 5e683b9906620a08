import { extendedError, type IExtendedError } from '../codec/edns.ts';
import { emptyMessage, type IMessage, type IQuestion, responseTo } from '../codec/message.ts';
import { isMetaType, opcode, rcode, recordClass, recordType } from '../codec/types.ts';
import type { IDnsClient } from './query-handler.ts';

/** Whether `ISpecialQueries` is asked about a query. */
export function isForSpecial({ opcode: code, tsig, question }: IMessage): boolean {
  const type = question[0]?.type;
  const isTransfer = type === recordType.AXFR || type === recordType.IXFR;
  return code !== opcode.QUERY || tsig !== null || isTransfer;
}

/** The rcode of a query that no zone is asked about; null: one is, or nothing was asked. */
export function refusalOf(
  { opcode: code, question }: IMessage,
  { transport }: IDnsClient,
  hasCookie: boolean,
): number | null {
  if (code === opcode.UPDATE) return rcode.REFUSED;
  if (code !== opcode.QUERY) return rcode.NOTIMP;
  const [asked] = question;
  // RFC 7873 §5.4: without a question, for a cookie only.
  if (asked === undefined) return hasCookie ? null : rcode.FORMERR;
  if (asked.class !== recordClass.IN) return rcode.REFUSED;
  if (!isMetaType(asked.type) || asked.type === recordType.ANY) return null;
  switch (asked.type) {
    case recordType.AXFR:
      return transport === 'udp' ? rcode.FORMERR : rcode.REFUSED;
    case recordType.IXFR:
      return rcode.REFUSED;
    case recordType.MAILA:
    case recordType.MAILB:
      return rcode.NOTIMP;
    default:
      return rcode.FORMERR;
  }
}

/** Why, beyond that rcode; null: nothing to add. */
export function reasonOf(
  { opcode: code, question }: IMessage,
  refusal: number,
): IExtendedError | null {
  if (refusal === rcode.NOTIMP) return { code: extendedError.NOT_SUPPORTED, text: '' };
  const isTransfer = question[0]?.type === recordType.AXFR || question[0]?.type === recordType.IXFR;
  const isProhibited = refusal === rcode.REFUSED && (code === opcode.UPDATE || isTransfer);
  return isProhibited ? { code: extendedError.PROHIBITED, text: '' } : null;
}

/** The answer without records to a query of at least a header. RFC 4035 §3.1.6: CD is not repeated. */
export function withoutRecords(
  query: Buffer,
  question: readonly IQuestion[],
  code: number,
): IMessage {
  const flags = query[2] as number;
  const header = {
    ...emptyMessage,
    id: query.readUInt16BE(0),
    opcode: (flags >>> 3) & 15,
    recursionDesired: (flags & 1) !== 0,
  };
  return responseTo({ ...header, question }, code);
}
