import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DcError } from '../ts/core/errors.ts';
import { inspectCertificate, type TCertificateInput } from '../ts/net/certificate.ts';

const now = Date.UTC(2026, 5, 1);

function pem(name: string): string {
  return readFileSync(new URL(`./fixtures/certificates/${name}.pem`, import.meta.url), 'utf8');
}

function pair(name: string, domain?: string): TCertificateInput {
  return { domain, cert: pem(`${name}.cert`), key: pem(`${name}.key`) };
}

const ecdsa = pair('ecdsa');
const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

test('inspectCertificate() tells what is in it', () => {
  const { fingerprint, serialNumber, ...facts } = inspectCertificate(
    { ...ecdsa, domain: 'example.test', cert: pem('chain.cert') },
    now,
  );
  assert.deepEqual(facts, {
    domain: 'example.test',
    names: ['www.example.test', 'example.test', '127.0.0.1', '::1'],
    issuer: 'CN=intermediate test',
    notBefore: '2020-01-01T00:00:00.000Z',
    notAfter: '2120-01-01T00:00:00.000Z',
    warnings: [],
  });
  assert.match(fingerprint, /^[0-9a-f]{64}$/);
  assert.match(serialNumber, /^[0-9A-F]+$/);
});

const good: { input: TCertificateInput; domain: string; why: string }[] = [
  { input: pair('rsa', 'rsa.example.test'), domain: 'rsa.example.test', why: 'RSA' },
  { input: ecdsa, domain: 'www.example.test', why: 'the first name, when none is asked for' },
  { input: pair('nameless', '*'), domain: '*', why: 'every host needs no name' },
  { input: pair('ecdsa', 'WWW.Example.TEST.'), domain: 'www.example.test', why: 'case, final dot' },
  { input: pair('ecdsa', '127.0.0.1'), domain: '127.0.0.1', why: 'an address' },
  { input: pair('wildcard', '*.example.test'), domain: '*.example.test', why: 'a wildcard itself' },
  { input: pair('wildcard', 'any.example.test'), domain: 'any.example.test', why: 'one label' },
  {
    input: pair('wildcard', 'Bücher.example.test'),
    domain: 'xn--bcher-kva.example.test',
    why: 'a name in Unicode',
  },
  {
    input: { ...ecdsa, cert: `some text\r\n${pem('chain.cert').replaceAll('\n', '\r\n')}` },
    domain: 'www.example.test',
    why: 'text before it and CRLF',
  },
];

for (const { input, domain, why } of good) {
  test(`inspectCertificate() accepts ${why}`, () => {
    const facts = inspectCertificate(input, now);
    assert.equal(facts.domain, domain);
    assert.deepEqual(facts.warnings, []);
  });
}

const bad: { input: TCertificateInput; path: string; message: RegExp }[] = [
  { input: { ...ecdsa, cert: 'hello' }, path: 'cert', message: /is not PEM/ },
  { input: { ...ecdsa, cert: '' }, path: 'cert', message: /is not PEM/ },
  { input: { ...ecdsa, cert: ecdsa.key }, path: 'cert', message: /is not PEM/ },
  { input: { ...ecdsa, cert: garbage }, path: 'cert', message: /cannot be read \(number 1/ },
  {
    input: { ...ecdsa, cert: ecdsa.cert + garbage },
    path: 'cert',
    message: /cannot be read \(number 2/,
  },
  { input: { ...ecdsa, key: 'hello' }, path: 'key', message: /is not PEM/ },
  { input: { ...ecdsa, key: ecdsa.cert }, path: 'key', message: /no private key/ },
  { input: { ...ecdsa, key: pem('encrypted.key') }, path: 'key', message: /is encrypted/ },
  {
    input: { ...pair('rsa'), key: pem('encrypted-rsa.key') },
    path: 'key',
    message: /is encrypted/,
  },
  { input: { ...ecdsa, key: pem('wildcard.key') }, path: 'key', message: /another certificate/ },
  { input: { ...ecdsa, key: pem('rsa.key') }, path: 'key', message: /another certificate/ },
  {
    input: { ...ecdsa, cert: pem('intermediate.cert') + ecdsa.cert },
    path: 'cert',
    message: /place 2 of its chain; it has to come first/,
  },
  { input: pair('expired'), path: 'cert', message: /expired on 2020-02-01/ },
  {
    input: pair('ecdsa', 'other.test'),
    path: 'domain',
    message: /for "other.test" does not cover it, only "www.example.test", "example.test"/,
  },
  { input: pair('ecdsa', '*.example.test'), path: 'domain', message: /does not cover/ },
  { input: pair('wildcard', 'example.test'), path: 'domain', message: /does not cover/ },
  { input: pair('wildcard', 'a.b.example.test'), path: 'domain', message: /does not cover/ },
  { input: pair('wildcard', '*.b.example.test'), path: 'domain', message: /does not cover/ },
  { input: pair('ecdsa', '127.0.0.2'), path: 'domain', message: /does not cover/ },
  { input: pair('ecdsa', ''), path: 'domain', message: /does not cover/ },
  { input: pair('nameless', 'nameless test'), path: 'domain', message: /no subjectAltName/ },
  { input: pair('weak'), path: 'cert', message: /cannot be used: .*key too small/ },
];

for (const { input, path, message } of bad) {
  test(`inspectCertificate() refuses: ${path} ${message}`, () => {
    assert.throws(
      () => inspectCertificate(input, now),
      (error) => {
        assert.ok(error instanceof DcError);
        assert.equal(error.code, 'CERTIFICATE_INVALID');
        assert.match(error.message, message);
        assert.equal(error.problems[0]?.path, path);
        assert.ok(!error.message.includes('-----BEGIN C'), 'no contents in the message');
        return true;
      },
    );
  });
}

const hour = 3600_000;
const day = 24 * hour;
const end = Date.UTC(2120, 0, 1);
const warned: { input: TCertificateInput; at: number; warnings: string[] }[] = [
  { input: pair('future'), at: now, warnings: ['not valid before 2119-01-01'] },
  { input: ecdsa, at: end - 15 * day, warnings: [] },
  { input: ecdsa, at: end - 5 * day - hour, warnings: ['expires in 5 days'] },
  { input: ecdsa, at: end - 7 * hour, warnings: ['expires in 7 hours'] },
  { input: ecdsa, at: end - hour, warnings: ['expires in 1 hour'] },
  {
    input: pair('client'),
    at: now,
    warnings: ['not meant for servers (its extended key usage lacks serverAuth)'],
  },
  {
    input: { ...ecdsa, cert: ecdsa.cert + pem('root.cert') },
    at: now,
    warnings: ['number 2 of the chain did not sign number 1'],
  },
  {
    input: { ...ecdsa, cert: pem('chain.cert') + pem('expired.cert') },
    at: now,
    warnings: [
      'number 3 of the chain did not sign number 2',
      'number 3 of the chain expired on 2020-02-01',
    ],
  },
  { input: { ...ecdsa, cert: pem('chain.cert') + pem('root.cert') }, at: now, warnings: [] },
];

for (const { input, at, warnings } of warned) {
  test(`inspectCertificate() warns: ${warnings.join('; ') || 'nothing'}`, () => {
    assert.deepEqual(inspectCertificate(input, at).warnings, warnings);
  });
}

test('inspectCertificate(): a short-lived certificate is warned of in its last third', () => {
  const month = pair('expired');
  const from = Date.UTC(2020, 0, 1);
  assert.deepEqual(inspectCertificate(month, from + 20 * day).warnings, []);
  assert.deepEqual(inspectCertificate(month, from + 22 * day).warnings, ['expires in 9 days']);
});
