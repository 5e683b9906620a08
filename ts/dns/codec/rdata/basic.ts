import { codecOf, type IRdataCodec } from './codec.ts';
import { groups64, ipv4, ipv6, number, octets, seconds } from './numbers.ts';
import { name, string, strings } from './texts.ts';

/** The types of RFC 1035, and those that are as simple. */

/** One name, as data: compressed since RFC 1035 has it. */
function oneName(expected: string, additional = false): IRdataCodec {
  return codecOf({ fields: [name(expected, { lowered: true, additional })], compression: 'send' });
}

const preference = number(2, 'a preference');
const text = codecOf({ fields: [strings('a string')] });

/** Addresses, names and texts. */
export const basicCodecs = {
  A: codecOf({ fields: [ipv4] }),
  AAAA: codecOf({ fields: [ipv6] }),
  NS: oneName('the name of a name server', true),
  CNAME: oneName('a domain name'),
  PTR: oneName('a domain name'),
  MB: oneName('a domain name', true),
  MD: oneName('a domain name', true),
  MF: oneName('a domain name', true),
  MG: oneName('a domain name'),
  MR: oneName('a domain name'),
  DNAME: codecOf({ fields: [name('a domain name', { lowered: true })] }),
  ALIAS: codecOf({ fields: [name('a domain name')] }),
  SOA: codecOf({
    fields: [
      name('the name of the primary server', { lowered: true }),
      name('the mailbox of the administrator', { lowered: true }),
      number(4, 'a serial number'),
      seconds('the refresh interval'),
      seconds('the retry interval'),
      seconds('the expiry interval'),
      seconds('the negative TTL'),
    ],
    compression: 'send',
  }),
  MINFO: codecOf({
    fields: [name('a mailbox', { lowered: true }), name('a mailbox', { lowered: true })],
    compression: 'send',
  }),
  MX: codecOf({
    fields: [preference, name('the name of a mail server', { lowered: true, additional: true })],
    compression: 'send',
  }),
  TXT: text,
  SPF: text,
  AVC: text,
  NINFO: text,
  RESINFO: text,
  WALLET: text,
  HINFO: codecOf({ fields: [string('a CPU'), string('an operating system')] }),
  X25: codecOf({ fields: [string('an X.121 address')] }),
  ISDN: codecOf({ fields: [strings('an ISDN address')] }),
  GPOS: codecOf({ fields: [string('a longitude'), string('a latitude'), string('an altitude')] }),
  RP: codecOf({
    fields: [name('a mailbox', { lowered: true }), name('a name with TXT', { lowered: true })],
    compression: 'receive',
  }),
  AFSDB: codecOf({
    fields: [number(2, 'a subtype'), name('a host name', { lowered: true, additional: true })],
    compression: 'receive',
  }),
  RT: codecOf({
    fields: [preference, name('a host name', { lowered: true, additional: true })],
    compression: 'receive',
  }),
  PX: codecOf({
    fields: [
      preference,
      name('a domain name', { lowered: true }),
      name('an X.400 name', { lowered: true }),
    ],
    compression: 'receive',
  }),
  KX: codecOf({
    fields: [preference, name('a host name', { lowered: true, additional: true })],
  }),
  EUI48: codecOf({ fields: [octets(6)] }),
  EUI64: codecOf({ fields: [octets(8)] }),
  NID: codecOf({ fields: [preference, groups64] }),
  L32: codecOf({ fields: [preference, ipv4] }),
  L64: codecOf({ fields: [preference, groups64] }),
  LP: codecOf({ fields: [preference, name('a domain name', { additional: true })] }),
  TALINK: codecOf({ fields: [name('a domain name'), name('a domain name')] }),
} as const satisfies Record<string, IRdataCodec>;
