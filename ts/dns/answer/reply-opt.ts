import { ipWords, parseIp } from '../../net/ip.ts';
import {
  checkServerCookie,
  cookieOption,
  type ICookie,
  makeServerCookie,
} from '../codec/cookie.ts';
import { ednsOption, findOption, type IEdns, type IEdnsOption } from '../codec/edns.ts';
import { recordType } from '../codec/types.ts';

/** Bytes of an OPT record without options. */
export const plainOptBytes = 11;

/** What the OPT record of an answer says; its version is 0. */
export interface IReplyOpt {
  /** What we take by UDP. */
  readonly udpSize: number;
  /** DO, as in the query (RFC 3225 §3). */
  readonly dnssec: boolean;
  /** Upper eight bits of the rcode. */
  readonly extendedRcode: number;
  readonly options: readonly IEdnsOption[];
}

/** Bytes of the record. */
export function optSize({ options }: IReplyOpt): number {
  return options.reduce((size, { data }) => size + 4 + data.length, plainOptBytes);
}

/** Writes the record. @returns where it ends. */
export function writeOpt(out: Buffer, at: number, opt: IReplyOpt): number {
  let end = writePlainOpt(out, at, opt.udpSize, opt.dnssec);
  out[at + 5] = opt.extendedRcode;
  out.writeUInt16BE(optSize(opt) - plainOptBytes, at + 9);
  for (const { code, data } of opt.options) {
    out.writeUInt16BE(code, end);
    out.writeUInt16BE(data.length, end + 2);
    end += 4 + data.copy(out, end + 4);
  }
  return end;
}

/** Writes the record without options. @returns where it ends. */
export function writePlainOpt(out: Buffer, at: number, udpSize: number, dnssec: boolean): number {
  out[at] = 0;
  out[at + 1] = 0;
  out[at + 2] = recordType.OPT;
  out[at + 3] = udpSize >>> 8;
  out[at + 4] = udpSize & 255;
  out[at + 5] = 0;
  out[at + 6] = 0;
  out[at + 7] = dnssec ? 0x80 : 0;
  out[at + 8] = 0;
  out[at + 9] = 0;
  out[at + 10] = 0;
  return at + plainOptBytes;
}

/** The cookie for an answer, and whether the client had a good one of ours. */
export function replyCookie(
  secrets: readonly Buffer[],
  cookie: ICookie,
  address: string,
  nowSeconds: number,
): { option: IEdnsOption; isGood: boolean } | null {
  const [secret] = secrets;
  const bytes = addressBytes(address);
  if (secret === undefined || bytes === null) return null;
  const state =
    cookie.server === null ? 'bad' : checkServerCookie(secrets, cookie, bytes, nowSeconds);
  const server =
    state === 'good' ? cookie.server : makeServerCookie(secret, cookie.client, bytes, nowSeconds);
  return { option: cookieOption({ client: cookie.client, server }), isGood: state !== 'bad' };
}

const words = ipWords();

/** An address as 4 or 16 bytes; null when the text is none. */
export function addressBytes(address: string): Buffer | null {
  const family = parseIp(address, words);
  if (family === 0) return null;
  const bytes = Buffer.allocUnsafe(family === 4 ? 4 : 16);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(words[at / 4] as number, at);
  return bytes;
}

/** Whether the query asks for our name: an empty NSID option (RFC 5001 §2.1). */
export function asksForNsid(edns: IEdns): boolean {
  return findOption(edns, ednsOption.NSID)?.length === 0;
}

/** One record more in the additional section. */
export function countOpt(out: Buffer): void {
  const count = ((out[10] as number) << 8) + (out[11] as number) + 1;
  out[10] = count >>> 8;
  out[11] = count & 255;
}
