/** Certificate as given in a file or over the API. */
export interface ICertificateOptions {
  /** `example.com` or `*.example.com`; the certificate must cover it. */
  domain: string;
  /** PEM private key. */
  key: string;
  /** PEM certificate, followed by its chain. */
  cert: string;
}

/** What may be shown of a certificate: never the key. */
export interface ICertificateInfo {
  domain: string;
  /** Names that it covers. */
  names: string[];
  issuer: string;
  serialNumber: string;
  /** SHA-256 of the certificate, in hex. */
  fingerprint: string;
  /** ISO 8601. */
  notBefore: string;
  /** ISO 8601. */
  notAfter: string;
  /** E.g. 'not valid before 2030-01-01', 'expires in 5 days'. Empty: all is well. */
  warnings: string[];
  origin: TOrigin;
}

/** Where an item comes from: the file, the API, or the API in place of the file's. */
export type TOrigin = 'file' | 'api' | 'api-over-file';
