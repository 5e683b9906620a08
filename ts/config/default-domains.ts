import { normalizeDomain } from './host-name.ts';

/**
 * The domains of the default certificates that a web plane, TCP entries and DNS listeners name, in
 * their normal form. What is none of these names none.
 */
export function defaultDomainsOf(web: unknown, tcp?: unknown, dns?: unknown): string[] {
  const { entrypoints } = Object(web);
  const { listeners } = Object(dns);
  const entries = [tcp ?? []].flat();
  const configs = entries.flatMap((entry) => [entry, ...listOf(Object(entry).domainConfigs)]);
  const named = [...Object.values(Object(entrypoints)), ...Object.values(Object(listeners))];
  return [...named, ...configs].flatMap((holder) => {
    const { defaultCertificate: given } = Object(Object(holder).tls);
    const domain = typeof given === 'string' ? normalizeDomain(given) : undefined;
    return typeof domain === 'string' ? [domain] : [];
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
