import { isPortRange, readPortRange, spellRange } from './port-range.ts';
import type { TLooseObject } from './schema-object.ts';

/** The id of an entry that has none: its protocol and first port, `tcp-5432`; `''`: it has no port. */
export function tcpEntryId({ protocol = 'tcp', fromPort, globalPortRanges }: TLooseObject): string {
  if (typeof fromPort === 'number') return `${protocol}-${fromPort}`;
  const ranges = Array.isArray(globalPortRanges) ? globalPortRanges : [];
  const range = readPortRange(ranges[0]);
  return isPortRange(range) ? `${protocol}-${range.from}` : '';
}

/** The id of a domain config that has none: its first domain, its protocol or its first ports. */
export function domainConfigId({ domains, protocol, portRanges }: TLooseObject): string {
  if (Array.isArray(domains) && typeof domains[0] === 'string') return domains[0];
  if (typeof protocol === 'string') return protocol;
  const range = readPortRange(Array.isArray(portRanges) ? portRanges[0] : undefined);
  return isPortRange(range) ? `port-${spellRange(range)}` : 'any';
}
