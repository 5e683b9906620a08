import type { IZoneInfo } from '../../../ts_interfaces/index.ts';
import { soaNumbers } from '../codec/soa.ts';
import type { HostedZone } from './hosted-zone.ts';

/**
 * What may be shown of a zone. Its `origin` is always `file`: who keeps the options knows whether
 * they came by the API.
 */
export function zoneInfo(zone: HostedZone): IZoneInfo {
  const { id, options, saved, served, dynamics } = zone;
  const { checkedAtMs, checkedWith } = saved;
  const content = zone.isSecondary ? zone.base?.zone : undefined;
  const times = content && soaNumbers(content.soa().rdatas[0] as Buffer);
  const at = (seconds: number | undefined): string | null => {
    if (seconds === undefined || checkedAtMs === undefined) return null;
    return new Date(checkedAtMs + seconds * 1000).toISOString();
  };
  return {
    id,
    name: options.name,
    view: options.view ?? null,
    kind: zone.isSecondary ? 'secondary' : 'primary',
    origin: 'file',
    state: zone.state,
    serial: served?.zone.serial ?? null,
    records: (zone.source?.recordCount ?? 0) + dynamics.health.length,
    changed: zone.overlay.size,
    dnssec: served !== null && served.signer !== null,
    warnings: [...stateWarnings(zone), ...zone.warnings],
    refreshAt: at(times?.refreshS),
    expireAt: at(times?.expireS),
    checkedAt: at(0),
    checkedWith: checkedWith ?? null,
  };
}

function stateWarnings({ state }: HostedZone): string[] {
  if (state === 'loading') return ['The zone was never fetched: it is answered with SERVFAIL'];
  if (state === 'expired') return ['The zone has expired: it is answered with SERVFAIL'];
  return [];
}
