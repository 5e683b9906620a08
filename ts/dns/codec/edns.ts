/** EDNS (RFC 6891) and its options. */

import type { IRecord } from './message.ts';
import { rootName } from './name.ts';
import { recordType } from './types.ts';

/** What an OPT record says, apart from the upper bits of the rcode, which the message has. */
export interface IEdns {
  /** Largest UDP message that its sender takes; below 512 means 512 (RFC 6891 §6.2.3). */
  readonly udpSize: number;
  /** 0 is the only one there is. */
  readonly version: number;
  /** DNSSEC records are wanted: RFC 3225. */
  readonly do: boolean;
  /** In the order they came; none when the version is not 0, since nothing is known of it. */
  readonly options: readonly IEdnsOption[];
}

/** One option. */
export interface IEdnsOption {
  readonly code: number;
  readonly data: Buffer;
}

/** Codes of options. */
export const ednsOption = {
  /** RFC 5001. */
  NSID: 3,
  /** RFC 7871. */
  CLIENT_SUBNET: 8,
  /** RFC 7873, 9018. */
  COOKIE: 10,
  /** RFC 7828. */
  KEEPALIVE: 11,
  /** RFC 7830. */
  PADDING: 12,
  /** RFC 8914. */
  EDE: 15,
} as const;

/** UDP size that we announce and keep to, from DNS Flag Day 2020: it is not fragmented. */
export const udpSizeDefault = 1232;

/** Reads the OPT record of a message. */
export function readOpt(opt: IRecord): IEdns | 'malformed' {
  const version = (opt.ttl >>> 16) & 0xff;
  const options = version === 0 ? readOptions(opt.rdata) : [];
  if (options === null) return 'malformed';
  return { udpSize: opt.class, version, do: (opt.ttl & 0x8000) !== 0, options };
}

/** @returns null when they do not end with the data. */
function readOptions(rdata: Buffer): IEdnsOption[] | null {
  const options: IEdnsOption[] = [];
  for (let at = 0; at < rdata.length; ) {
    if (at + 4 > rdata.length) return null;
    const end = at + 4 + rdata.readUInt16BE(at + 2);
    if (end > rdata.length) return null;
    options.push({ code: rdata.readUInt16BE(at), data: rdata.subarray(at + 4, end) });
    at = end;
  }
  return options;
}

/** Makes the OPT record. @param extendedRcode the upper eight bits of the message's rcode. */
export function optRecord(edns: IEdns, extendedRcode: number): IRecord {
  const parts = edns.options.flatMap(({ code, data }) => {
    const head = Buffer.allocUnsafe(4);
    head.writeUInt16BE(code, 0);
    head.writeUInt16BE(data.length, 2);
    return [head, data];
  });
  return {
    name: rootName,
    type: recordType.OPT,
    class: edns.udpSize,
    ttl: extendedRcode * 2 ** 24 + edns.version * 2 ** 16 + (edns.do ? 0x8000 : 0),
    rdata: Buffer.concat(parts),
  };
}

/** The data of the first option with that code; undefined when there is none. */
export function findOption(edns: IEdns | null, code: number): Buffer | undefined {
  return edns?.options.find((option) => option.code === code)?.data;
}

/** Why an answer is what it is: RFC 8914 §4. */
export const extendedError = {
  OTHER: 0,
  UNSUPPORTED_DNSKEY_ALGORITHM: 1,
  UNSUPPORTED_DS_DIGEST: 2,
  STALE_ANSWER: 3,
  FORGED_ANSWER: 4,
  DNSSEC_INDETERMINATE: 5,
  DNSSEC_BOGUS: 6,
  SIGNATURE_EXPIRED: 7,
  SIGNATURE_NOT_YET_VALID: 8,
  DNSKEY_MISSING: 9,
  RRSIGS_MISSING: 10,
  NO_ZONE_KEY_BIT: 11,
  NSEC_MISSING: 12,
  CACHED_ERROR: 13,
  NOT_READY: 14,
  BLOCKED: 15,
  CENSORED: 16,
  FILTERED: 17,
  PROHIBITED: 18,
  STALE_NXDOMAIN: 19,
  NOT_AUTHORITATIVE: 20,
  NOT_SUPPORTED: 21,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
  INVALID_DATA: 24,
  SIGNATURE_EXPIRED_BEFORE_VALID: 25,
  TOO_EARLY: 26,
  UNSUPPORTED_NSEC3_ITERATIONS: 27,
  UNABLE_TO_CONFORM_TO_POLICY: 28,
  SYNTHESIZED: 29,
} as const;

/** One extended error. */
export interface IExtendedError {
  /** See `extendedError`. */
  readonly code: number;
  /** For people; may be empty. */
  readonly text: string;
}

/** The option of an extended error: RFC 8914 §2. */
export function extendedErrorOption({ code, text }: IExtendedError): IEdnsOption {
  const data = Buffer.alloc(2 + Buffer.byteLength(text));
  data.writeUInt16BE(code, 0);
  data.write(text, 2);
  return { code: ednsOption.EDE, data };
}

/** The extended errors of a message; malformed ones are left out. */
export function extendedErrors(edns: IEdns | null): IExtendedError[] {
  return (edns?.options ?? [])
    .filter(({ code, data }) => code === ednsOption.EDE && data.length >= 2)
    .map(({ data }) => ({
      code: data.readUInt16BE(0),
      // RFC 8914 §2: the text may end with a zero, which does not belong to it.
      text: data.toString('utf8', 2).replace(/\0$/, ''),
    }));
}

/** How long a TCP connection may idle, in an answer: RFC 7828 §3.1; counts tenths of a second. */
export function keepaliveOption(idleTimeoutMs: number): IEdnsOption {
  const data = Buffer.alloc(2);
  data.writeUInt16BE(Math.min(0xffff, Math.max(0, Math.round(idleTimeoutMs / 100))));
  return { code: ednsOption.KEEPALIVE, data };
}

/**
 * Padding that makes a message a multiple of `blockBytes` long: RFC 8467 has 128 for queries, 468
 * for answers.
 *
 * @param messageBytes length of the message with all else in it, without this option.
 */
export function paddingOption(messageBytes: number, blockBytes: number): IEdnsOption {
  const over = (messageBytes + 4) % blockBytes;
  const length = over === 0 ? 0 : blockBytes - over;
  return { code: ednsOption.PADDING, data: Buffer.alloc(length) };
}
