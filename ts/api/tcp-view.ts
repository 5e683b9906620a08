import type {
  Backend,
  IDomainConfig,
  IPortProxySettings,
  ITcpEntryInfo,
  ITcpLive,
  TOrigin,
} from '../../ts_interfaces/index.ts';
import { noStats } from '../proxy/tcp-stats.ts';
import { entityTag } from './entity-tag.ts';
import type { MaintenanceMarks } from './maintenance.ts';
import { mask } from './mask.ts';

/** An entry that the plane knows nothing of. */
const nothingLive: ITcpLive = {
  listening: [],
  forwardedBy: 'none',
  stats: noStats(),
  endpoints: [],
};

/** The group that backends of an entry or of one of its domain configs have in the health monitor. */
export function tcpGroup(entryId: string, domainConfigId: string | null): string {
  return domainConfigId === null ? `tcp:${entryId}` : `tcp:${entryId}/${domainConfigId}`;
}

/** All groups of an entry, with the ids of the backends that it names. */
export function tcpGroups({
  id,
  backends,
  domainConfigs = [],
}: IPortProxySettings): Map<string, readonly Backend[] | undefined> {
  const groups = new Map<string, readonly Backend[] | undefined>([[tcpGroup(id, null), backends]]);
  for (const config of domainConfigs) groups.set(tcpGroup(id, config.id ?? ''), config.backends);
  return groups;
}

/** An entry as the API shows it: with its numbers and the state of its backends, without secrets. */
export function tcpViewOf(
  config: IPortProxySettings,
  origin: TOrigin,
  live: ITcpLive | undefined,
  marks: MaintenanceMarks,
): ITcpEntryInfo {
  const masked = mask(config);
  const state = live ?? nothingLive;
  const { backends, domainConfigs } = masked;
  return {
    ...masked,
    ...(backends && { backends: withState(backends, config.id, null, state, marks) }),
    ...(domainConfigs && {
      domainConfigs: domainConfigs.map((one) => domainViewOf(one, config.id, state, marks)),
    }),
    origin,
    listening: state.listening,
    forwardedBy: state.forwardedBy,
    ...(state.reason === undefined ? {} : { reason: state.reason }),
    stats: state.stats,
    endpoints: state.endpoints,
  };
}

/** The entity tag of what `tcpViewOf` shows. */
export function tcpTagOf(
  config: IPortProxySettings,
  origin: TOrigin,
  live: ITcpLive | undefined,
): string {
  return entityTag(config, `${origin} ${JSON.stringify(live ?? null)}`);
}

/** @param masked without secrets already. */
function domainViewOf(
  masked: IDomainConfig,
  entryId: string,
  live: ITcpLive,
  marks: MaintenanceMarks,
): IDomainConfig {
  const { backends, id = '' } = masked;
  if (backends === undefined) return masked;
  return { ...masked, backends: withState(backends, entryId, id, live, marks) };
}

function withState(
  backends: readonly Backend[],
  entryId: string,
  domainConfigId: string | null,
  { endpoints }: ITcpLive,
  marks: MaintenanceMarks,
): Backend[] {
  const group = tcpGroup(entryId, domainConfigId);
  return backends.map(({ deadSince: _deadSince, ...backend }) => {
    const found = endpoints.find(({ id, domainConfig }) => {
      return id === backend.id && domainConfig === domainConfigId;
    });
    return {
      ...backend,
      isDead: found?.isDead ?? backend.isDead,
      failureCount: found?.failureCount ?? 0,
      maintenance: marks.has(group, backend.id),
    };
  });
}
