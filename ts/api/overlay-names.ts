import { defaultDomainsOf } from '../config/default-domains.ts';
import { DcError } from '../core/errors.ts';
import type { ControlPlane } from './control.ts';

/** What a configuration may name that comes from elsewhere. */
export interface IOverlayNames {
  /** Domains that have a certificate. */
  certificates: readonly string[];
  accessLists: readonly string[] | 'any';
  limits: readonly string[] | 'any';
}

/**
 * What the API brought that a configuration may name: it stays, whatever the file says.
 *
 * @param options as they were given: they are not checked yet.
 */
export async function overlayNames(
  control: ControlPlane,
  { web, tcp, dns }: { web?: unknown; tcp?: unknown; dns?: unknown },
): Promise<IOverlayNames> {
  const certificates: string[] = [];
  for (const domain of defaultDomainsOf(web, tcp, dns)) {
    if (hasCertificate(control, domain)) {
      certificates.push(domain);
      continue;
    }
    const { items } = await control.routes.list({ vHost: domain });
    const isOfRoute = items.some(({ ssl, origin }) => ssl !== undefined && origin !== 'file');
    if (isOfRoute) certificates.push(domain);
  }
  const { accessLists, limits } = control.overlayNames();
  return { certificates, accessLists, limits };
}

function hasCertificate(control: ControlPlane, domain: string): boolean {
  try {
    return control.certificates.get(domain).origin !== 'file';
  } catch (error) {
    if (error instanceof DcError && error.code === 'CERTIFICATE_UNKNOWN') return false;
    throw error;
  }
}
