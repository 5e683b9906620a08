/**
 * Certificates: those that were given by the file or over the API, by domain.
 *
 * The proxy asks at every handshake, so that a change takes effect at once.
 */
export { CertificateStore, type IServedCertificate } from './certificate-store.ts';
