import { normalizeDomain } from './host-name.ts';

/**
 * The domains of the default certificates that a web plane and TCP entries name, in their normal
 * form. What is neither names none.
 */
export function defaultDomainsOf(web: unknown, tcp?: unknown): string[] {
  const { entrypoints } = Object(web);
  const entries = [tcp ?? []].flat();
  const configs = entries.flatMap((entry) => [entry, ...listOf(Object(entry).domainConfigs)]);
  return [...Object.values(Object(entrypoints)), ...configs].flatMap((holder) => {
    const { defaultCertificate: given } = Object(Object(holder).tls);
    const domain = typeof given === 'string' ? normalizeDomain(given) : undefined;
    return typeof domain === 'string' ? [domain] : [];
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
