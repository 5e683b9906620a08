import { typeBitmap } from './bitmap.ts';
import { codecOf, type IRdataCodec } from './codec.ts';
import { named, number, seconds, time, typeField } from './numbers.ts';
import { base64, hash32, hex, name, salt } from './texts.ts';

/** DNSSEC (RFC 4034, 5155, 8078, 7477, 8976), and keys and certificates of others. */

const algorithm = named(1, 'a DNSSEC algorithm', {
  DELETE: 0,
  RSAMD5: 1,
  DH: 2,
  DSA: 3,
  RSASHA1: 5,
  NSEC3DSA: 6,
  'DSA-NSEC3-SHA1': 6,
  NSEC3RSASHA1: 7,
  'RSASHA1-NSEC3-SHA1': 7,
  RSASHA256: 8,
  RSASHA512: 10,
  ECCGOST: 12,
  ECDSAP256SHA256: 13,
  ECDSA256: 13,
  ECDSAP384SHA384: 14,
  ECDSA384: 14,
  ED25519: 15,
  ED448: 16,
  INDIRECT: 252,
  PRIVATEDNS: 253,
  PRIVATEOID: 254,
});

const digestType = named(1, 'a digest type', {
  SHA1: 1,
  'SHA-1': 1,
  SHA256: 2,
  'SHA-256': 2,
  GOST: 3,
  SHA384: 4,
  'SHA-384': 4,
});

const keyTag = number(2, 'a key tag');

/** A digest from `at` on has the length of its type, which is at `typeAt`. */
function digestLength(typeAt: number, at: number, lengths: Readonly<Record<number, number>>) {
  return {
    expected: 'a digest of the length of its type',
    holds(rdata: Buffer) {
      const length = lengths[rdata[typeAt] as number];
      return length === undefined || rdata.length === at + length;
    },
  };
}

const ds = codecOf({
  fields: [keyTag, algorithm, digestType, hex('a digest')],
  constraint: digestLength(3, 4, { 1: 20, 2: 32, 3: 32, 4: 48 }),
});

const key = (optional: boolean) =>
  codecOf({
    fields: [
      number(2, 'flags'),
      named(1, 'a protocol', { DNSSEC: 3 }),
      algorithm,
      base64('a public key', { optional }),
    ],
  });

const dnskey = key(false);

const signature = (compression: 'none' | 'receive') =>
  codecOf({
    fields: [
      typeField,
      algorithm,
      number(1, 'a count of labels'),
      seconds('the original TTL'),
      time('the expiration'),
      time('the inception'),
      keyTag,
      name('the name of the signer', { lowered: true }),
      base64('a signature'),
    ],
    compression,
  });

const tlsa = codecOf({
  fields: [
    named(1, 'a certificate usage', {
      'PKIX-TA': 0,
      'PKIX-EE': 1,
      'DANE-TA': 2,
      'DANE-EE': 3,
      PRIVCERT: 255,
    }),
    named(1, 'a selector', { CERT: 0, SPKI: 1, PRIVSEL: 255 }),
    named(1, 'a matching type', { FULL: 0, 'SHA2-256': 1, 'SHA2-512': 2, PRIVMATCH: 255 }),
    hex('certificate data'),
  ],
});

const hashAlgorithm = named(1, 'a hash algorithm', { SHA1: 1, 'SHA-1': 1 });

/** Signatures, keys, digests and certificates. */
export const securityCodecs = {
  DS: ds,
  CDS: ds,
  DLV: ds,
  TA: ds,
  DNSKEY: dnskey,
  CDNSKEY: dnskey,
  // RFC 2535 §3.1.2: flags can say that there is no key.
  KEY: key(true),
  RKEY: dnskey,
  RRSIG: signature('none'),
  SIG: signature('receive'),
  NSEC: codecOf({ fields: [name('the next name'), typeBitmap({ needed: true })] }),
  NSEC3: codecOf({
    fields: [
      hashAlgorithm,
      number(1, 'flags'),
      number(2, 'a count of iterations'),
      salt,
      hash32,
      typeBitmap({ needed: false }),
    ],
  }),
  NSEC3PARAM: codecOf({
    fields: [hashAlgorithm, number(1, 'flags'), number(2, 'a count of iterations'), salt],
  }),
  CSYNC: codecOf({
    fields: [number(4, 'a serial number'), number(2, 'flags'), typeBitmap({ needed: false })],
  }),
  ZONEMD: codecOf({
    fields: [
      number(4, 'a serial number'),
      named(1, 'a scheme', { SIMPLE: 1 }),
      named(1, 'a hash algorithm', { SHA384: 1, SHA512: 2 }),
      hex('a digest'),
    ],
    constraint: {
      expected: 'a digest of the length of its type',
      holds(rdata) {
        const length = ({ 1: 48, 2: 64 } as Record<number, number>)[rdata[5] as number];
        // RFC 8976 §2.2.4: at least 12 bytes, whatever the algorithm is.
        return length === undefined ? rdata.length >= 18 : rdata.length === 6 + length;
      },
    },
  }),
  TLSA: tlsa,
  SMIMEA: tlsa,
  SSHFP: codecOf({
    fields: [
      named(1, 'a key algorithm', { RSA: 1, DSA: 2, ECDSA: 3, ED25519: 4, ED448: 6 }),
      named(1, 'a fingerprint type', { SHA1: 1, 'SHA-1': 1, SHA256: 2, 'SHA-256': 2 }),
      hex('a fingerprint', { optional: true }),
    ],
    constraint: digestLength(1, 2, { 1: 20, 2: 32 }),
  }),
  CERT: codecOf({
    fields: [
      named(2, 'a certificate type', {
        PKIX: 1,
        SPKI: 2,
        PGP: 3,
        IPKIX: 4,
        ISPKI: 5,
        IPGP: 6,
        ACPKIX: 7,
        IACPKIX: 8,
        URI: 253,
        OID: 254,
      }),
      keyTag,
      algorithm,
      base64('a certificate'),
    ],
  }),
  OPENPGPKEY: codecOf({ fields: [base64('a public key')] }),
  DHCID: codecOf({ fields: [base64('an identifier')] }),
} as const satisfies Record<string, IRdataCodec>;
