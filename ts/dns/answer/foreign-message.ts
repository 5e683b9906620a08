import { paddingOption } from '../codec/edns.ts';
import { encodeMessage } from '../codec/encode.ts';
import { type IMessage, type IQuestion, type IRecord, responseTo } from '../codec/message.ts';
import { equalNames } from '../codec/name.ts';
import { rcode, recordType } from '../codec/types.ts';
import { recordsOf } from './encode-sections.ts';
import type { IForeignAnswer } from './foreign-answers.ts';
import type { IReplyOpt } from './reply-opt.ts';
import type { ISections } from './sections.ts';

/** What a client that did not ask for DNSSEC records does not get, unless it asks for the type. */
const proofTypes: ReadonlySet<number> = new Set([
  recordType.RRSIG,
  recordType.NSEC,
  recordType.NSEC3,
]);

/** What an answer is made of besides itself. */
export interface IForeignMessageParts {
  readonly query: IMessage;
  /** What our zones say in front of it; null: nothing. */
  readonly own: ISections | null;
  readonly opt: IReplyOpt | null;
  readonly sizeMax: number;
  /** The client takes padding: bytes that the message is made a multiple of; 0: no padding. */
  readonly paddedBlockBytes: number;
}

/** The message for what the resolver says, truncated when it is too long. */
export function encodeForeign(answer: IForeignAnswer, parts: IForeignMessageParts): Buffer {
  const { query, own, opt, sizeMax, paddedBlockBytes } = parts;
  const { checkingDisabled } = query;
  const [question] = query.question;
  const dnssec = query.edns?.do === true;
  const isUsable = answer.rcode === rcode.NOERROR || answer.rcode === rcode.NXDOMAIN;
  const ownAnswer = isUsable && own !== null ? recordsOf(own.answer) : [];
  const wantsProof = dnssec || query.authenticatedData;
  const shown = (records: readonly IRecord[]): readonly IRecord[] =>
    inCaseOf(question, dnssec ? records : withoutProofs(records, question?.type ?? 0));
  const message: IMessage = {
    ...responseTo(query, isToldToClients(answer.rcode) ? answer.rcode : rcode.SERVFAIL),
    recursionAvailable: true,
    checkingDisabled,
    authoritative: ownAnswer.length > 0,
    authenticatedData: answer.isSecure && ownAnswer.length === 0 && wantsProof && !checkingDisabled,
    answer: [...ownAnswer, ...shown(answer.answer)],
    authority: shown(answer.authority),
    edns:
      opt === null
        ? null
        : { udpSize: opt.udpSize, version: 0, do: opt.dnssec, options: opt.options },
  };
  const bytes = encodeMessage(message, { sizeMax });
  if (message.edns === null || paddedBlockBytes === 0) return bytes;
  const padding = paddingOption(bytes.length, paddedBlockBytes);
  if (bytes.length + 4 + padding.data.length > sizeMax) return bytes;
  const edns = { ...message.edns, options: [...message.edns.options, padding] };
  return encodeMessage({ ...message, edns }, { sizeMax });
}

/** Others are between servers: it is not this client who was refused, or whose message was bad. */
function isToldToClients(code: number): boolean {
  const { NOERROR, NXDOMAIN, YXDOMAIN, NOTIMP } = rcode;
  return code === NOERROR || code === NXDOMAIN || code === YXDOMAIN || code === NOTIMP;
}

/** Whether records of a type are given only to clients with DO, and who asks for the type. */
export function isProof(type: number): boolean {
  return proofTypes.has(type);
}

/** The records without signatures and denials: RFC 4035 §3.2.1. */
export function withoutProofs(records: readonly IRecord[], asked: number): readonly IRecord[] {
  const isShown = ({ type }: IRecord) =>
    !proofTypes.has(type) || type === asked || asked === recordType.ANY;
  return records.every(isShown) ? records : records.filter(isShown);
}

/** The name that was asked for as the client wrote it, so that it is compressed, and kept. */
function inCaseOf(
  question: IQuestion | undefined,
  records: readonly IRecord[],
): readonly IRecord[] {
  if (question === undefined) return records;
  const { name } = question;
  return records.map((record) => (equalNames(record.name, name) ? { ...record, name } : record));
}
