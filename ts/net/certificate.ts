import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import type {
  ICertificateInfo,
  ICertificateOptions,
} from '../../ts_interfaces/data/certificate.ts';
import { DcError } from '../core/errors.ts';
import { canonicalIp } from './ip.ts';

/** Certificate and key as given; without a domain, or with `*`, no name has to be covered. */
export type TCertificateInput = Omit<ICertificateOptions, 'domain'> & { domain?: string };

/** What a certificate says of itself; never anything of the key. */
export type TCertificateFacts = Omit<ICertificateInfo, 'origin'>;

/** Renewal is late when less than this, and less than a third of the lifetime, is left. */
const expiryWarningMs = 14 * 24 * 3600_000;

/** id-kp-serverAuth and anyExtendedKeyUsage, RFC 5280 §4.2.1.12. */
const serverUsages = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];

/**
 * Checks that a certificate can be served with its key, and tells what is in it.
 *
 * Refused: what is not PEM, an encrypted or foreign key, an expired certificate, one that does not
 * cover the domain (by subjectAltName, RFC 9525: the common name does not count), and what OpenSSL
 * will not use. Warned of: not valid yet, about to expire, not meant for servers, a chain that does
 * not fit together. Whether anybody trusts it is not checked.
 *
 * @param now milliseconds since the epoch.
 * @throws DcError `CERTIFICATE_INVALID`; its problem's path is `cert`, `key` or `domain`.
 */
export function inspectCertificate(input: TCertificateInput, now: number): TCertificateFacts {
  const domain = input.domain === undefined ? undefined : normalDomain(input.domain);
  const refuse: TRefuse = (path, message, cause) => refusal(domain, path, message, cause);
  const chain = parseChain(input.cert, refuse);
  const [leaf] = chain;
  const key = parseKey(input.key, refuse);
  checkKey(chain, key, refuse);
  if (leaf.validToDate.valueOf() <= now)
    throw refuse('cert', `expired on ${dayOf(leaf.validToDate)}`);
  const names = namesOf(leaf);
  checkDomain(domain, leaf, names, refuse);
  checkUsable(input, refuse);
  return {
    domain: domain ?? names[0] ?? '*',
    names,
    issuer: leaf.issuer.replaceAll('\n', ', '),
    serialNumber: leaf.serialNumber,
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    warnings: warningsOf(chain, now),
  };
}

type TChain = [leaf: X509Certificate, ...rest: X509Certificate[]];
type TRefuse = (path: keyof ICertificateOptions, message: string, cause?: unknown) => DcError;

function refusal(
  domain: string | undefined,
  path: keyof ICertificateOptions,
  message: string,
  cause: unknown,
): DcError {
  const what = path === 'key' ? 'key of the certificate' : 'certificate';
  const whose = domain === undefined ? '' : ` for "${domain}"`;
  return new DcError('CERTIFICATE_INVALID', `The ${what}${whose} ${message}`, {
    cause,
    problems: [{ path, message }],
  });
}

function parseChain(text: string, refuse: TRefuse): TChain {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const chain = blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw refuse('cert', `cannot be read (number ${index + 1} of the chain)`, cause);
    }
  });
  const [leaf, ...rest] = chain;
  if (leaf === undefined) throw refuse('cert', 'is not PEM: it has no "BEGIN CERTIFICATE"');
  return [leaf, ...rest];
}

function parseKey(text: string, refuse: TRefuse): KeyObject {
  if (!text.includes('-----BEGIN ')) throw refuse('key', 'is not PEM: it has no "BEGIN"');
  // PKCS #8 says it in its name, the older kinds in a header.
  if (/-----BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m.test(text)) {
    throw refuse('key', 'is encrypted; give it without a passphrase');
  }
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw refuse('key', 'is no private key that can be read', cause);
  }
}

function checkKey(chain: TChain, key: KeyObject, refuse: TRefuse): void {
  const owner = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (owner === 0) return;
  if (owner === -1) throw refuse('key', 'belongs to another certificate');
  throw refuse('cert', `stands at place ${owner + 1} of its chain; it has to come first`);
}

function checkDomain(
  domain: string | undefined,
  leaf: X509Certificate,
  names: readonly string[],
  refuse: TRefuse,
): void {
  if (domain === undefined || domain === '*' || covers(leaf, names, domain)) return;
  throw refuse(
    'domain',
    names.length === 0
      ? 'has no subjectAltName, without which clients refuse it'
      : `does not cover it, only ${names.map((name) => `"${name}"`).join(', ')}`,
  );
}

function covers(leaf: X509Certificate, names: readonly string[], domain: string): boolean {
  if (domain.startsWith('*.')) return names.includes(domain);
  if (canonicalIp(domain) !== undefined) return leaf.checkIP(domain) !== undefined;
  return leaf.checkHost(domain, { subject: 'never' }) !== undefined;
}

/** OpenSSL has the last word, e.g. on keys that are too short. */
function checkUsable({ key, cert }: TCertificateInput, refuse: TRefuse): void {
  try {
    createSecureContext({ key, cert });
  } catch (cause) {
    const reason = (cause as { reason?: string }).reason ?? (cause as Error).message;
    throw refuse('cert', `cannot be used: ${reason}`, cause);
  }
}

function warningsOf(chain: TChain, now: number): string[] {
  const [leaf] = chain;
  const warnings: string[] = [];
  const notBefore = leaf.validFromDate.valueOf();
  const leftMs = leaf.validToDate.valueOf() - now;
  const lifetimeMs = leaf.validToDate.valueOf() - notBefore;
  if (notBefore > now) warnings.push(`not valid before ${dayOf(leaf.validFromDate)}`);
  if (leftMs < Math.min(expiryWarningMs, lifetimeMs / 3)) {
    warnings.push(`expires in ${durationOf(leftMs)}`);
  }
  const usages = leaf.keyUsage as string[] | undefined;
  if (usages !== undefined && !usages.some((usage) => serverUsages.includes(usage))) {
    warnings.push('not meant for servers (its extended key usage lacks serverAuth)');
  }
  chain.slice(1).forEach((issuer, index) => {
    const issued = chain[index] as X509Certificate;
    if (!issued.checkIssued(issuer) || !issued.verify(issuer.publicKey)) {
      warnings.push(`number ${index + 2} of the chain did not sign number ${index + 1}`);
    }
    if (issuer.validToDate.valueOf() <= now) {
      warnings.push(`number ${index + 2} of the chain expired on ${dayOf(issuer.validToDate)}`);
    }
  });
  return warnings;
}

/** DNS names and addresses of the subjectAltName. Node quotes values that hold odd characters. */
function namesOf(leaf: X509Certificate): string[] {
  const names: string[] = [];
  const entries = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;
  for (const [, type, value = ''] of (leaf.subjectAltName ?? '').matchAll(entries)) {
    if (type === 'DNS') names.push(value.toLowerCase());
    else if (type === 'IP Address') names.push(canonicalIp(value) ?? value);
  }
  return names;
}

/** Lower case, ASCII, without a final dot. What is no domain stays as it is, and is not covered. */
function normalDomain(domain: string): string {
  const wildcard = domain.startsWith('*.') ? '*.' : '';
  const name = domain.slice(wildcard.length).replace(/\.$/, '');
  return wildcard + (domainToASCII(name) || name.toLowerCase());
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function durationOf(ms: number): string {
  const hours = Math.floor(ms / 3600_000);
  const [count, unit] = hours < 48 ? [hours, 'hour'] : [Math.floor(hours / 24), 'day'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
