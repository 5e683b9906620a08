/**
 * The numbers of the DNS and their names: RFC 6895, and the registries of IANA that it describes.
 */

/** The types of records that have a name, e.g. `recordType.MX`. */
export const recordType = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  WKS: 11,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  X25: 19,
  ISDN: 20,
  RT: 21,
  NSAP: 22,
  'NSAP-PTR': 23,
  SIG: 24,
  KEY: 25,
  PX: 26,
  GPOS: 27,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  EID: 31,
  NIMLOC: 32,
  SRV: 33,
  ATMA: 34,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  A6: 38,
  DNAME: 39,
  SINK: 40,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  NINFO: 56,
  RKEY: 57,
  TALINK: 58,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  DSYNC: 66,
  SPF: 99,
  UINFO: 100,
  UID: 101,
  GID: 102,
  UNSPEC: 103,
  NID: 104,
  L32: 105,
  L64: 106,
  LP: 107,
  EUI48: 108,
  EUI64: 109,
  NXNAME: 128,
  TKEY: 249,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  MAILB: 253,
  MAILA: 254,
  ANY: 255,
  URI: 256,
  CAA: 257,
  AVC: 258,
  DOA: 259,
  AMTRELAY: 260,
  RESINFO: 261,
  WALLET: 262,
  TA: 32768,
  DLV: 32769,
  /** The addresses of another name: no standard, the number is that of PowerDNS. */
  ALIAS: 65401,
} as const;

/** Classes: RFC 1035 §3.2.4, RFC 2136 §1.3. */
export const recordClass = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

/** What a message is for: RFC 1035 §4.1.1, RFC 1996, RFC 2136, RFC 8490. */
export const opcode = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5, DSO: 6 } as const;

/**
 * Outcomes of a message, with the extended ones that need EDNS (RFC 6891 §6.1.3), and those of a
 * TSIG record (RFC 8945 §3), which count on from there: 16 is BADSIG in a TSIG, BADVERS elsewhere.
 */
export const rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADSIG: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

const typeNames = namesOf(recordType);
const rcodeNames = namesOf(rcode);
const typeNumbers = new Map<string, number>(Object.entries(recordType));
const classNumbers = new Map<string, number>(Object.entries(recordClass));

/** Of two names for one number the first counts. */
function namesOf(numbers: Readonly<Record<string, number>>): Map<number, string> {
  return new Map(
    Object.entries(numbers)
      .reverse()
      .map(([name, number]) => [number, name]),
  );
}

/** The name of a type: `MX`, or `TYPE65534` when it has none (RFC 3597 §5). */
export function recordTypeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`;
}

/** The type of a name in any case: `mx`, `TYPE15`, `type65534`; undefined when it is none. */
export function recordTypeOf(text: string): number | undefined {
  const name = text.toUpperCase();
  return typeNumbers.get(name) ?? numberBehind('TYPE', name);
}

/** The class of a name in any case: `in`, `CLASS1`; undefined when it is none. */
export function recordClassOf(text: string): number | undefined {
  const name = text.toUpperCase();
  return classNumbers.get(name) ?? numberBehind('CLASS', name);
}

/** `TYPE` and a number of 16 bits. */
function numberBehind(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const digits = name.slice(prefix.length);
  if (!/^\d{1,5}$/.test(digits)) return undefined;
  const number = Number(digits);
  return number <= 0xffff ? number : undefined;
}

/** The name of an rcode, extended ones too: `NXDOMAIN`, or `RCODE4000` when it has none. */
export function rcodeName(number: number): string {
  return rcodeNames.get(number) ?? `RCODE${number}`;
}

/**
 * Whether a type exists only in questions or for the message itself, so that no zone holds it:
 * OPT, and 128 to 255 (RFC 6895 §3.1).
 */
export function isMetaType(type: number): boolean {
  return type === recordType.OPT || (type >= 128 && type <= 255);
}
