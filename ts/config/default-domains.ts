import { normalizeDomain } from './host-name.ts';

/**
 * The domains of the default certificates that a web plane names, in their normal form. What is no
 * web plane names none.
 */
export function defaultDomainsOf(web: unknown): string[] {
  const { entrypoints } = Object(web);
  return Object.values(Object(entrypoints)).flatMap((entrypoint) => {
    const { defaultCertificate: given } = Object(Object(entrypoint).tls);
    const domain = typeof given === 'string' ? normalizeDomain(given) : undefined;
    return typeof domain === 'string' ? [domain] : [];
  });
}
