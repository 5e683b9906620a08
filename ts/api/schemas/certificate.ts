import { z } from 'zod';
import { certificateSchema } from '../../config/schema-options.ts';
import { answer, input, pageOf } from './registry.ts';
import { originSchema } from './route.ts';

/** What a certificate is made from: `ICertificateOptions`. */
export const certificateInputSchema = input('CertificateInput', certificateSchema);

const instant = z.iso.datetime({ offset: true });

/** `ICertificateInfo`: never the key. */
export const certificateInfoSchema = answer(
  'Certificate',
  z.strictObject({
    domain: z.string(),
    names: z.array(z.string()).describe('Names that it covers'),
    issuer: z.string(),
    serialNumber: z.string(),
    fingerprint: z.string().describe('SHA-256 of the certificate, in hex'),
    notBefore: instant,
    notAfter: instant,
    warnings: z.array(z.string()).describe('Empty: all is well'),
    origin: originSchema,
  }),
);

/** `GET /certificates`. */
export const certificatePageSchema = answer('CertificatePage', pageOf(certificateInfoSchema));
