import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate that signed itself, as text and as a file that clients can trust. */
export interface ITestCertificate {
  key: string;
  cert: string;
  certFile: string;
}

/** Makes an ECDSA P-256 certificate for a domain, by openssl. */
export function makeCertificate(folder: string, domain: string): ITestCertificate {
  const keyFile = join(folder, `${domain}.key`);
  const certFile = join(folder, `${domain}.crt`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const name = ['-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-nodes',
      '-days',
      '30',
      ...curve,
      ...name,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ],
    { stdio: 'pipe' },
  );
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), certFile };
}
