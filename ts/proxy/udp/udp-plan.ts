import type { Backend, IPortProxySettings } from '../../../ts_interfaces/index.ts';
import type { AddressLists } from '../../net/address-list.ts';
import type { ILimiters } from '../../net/limiters.ts';
import type { Admission } from '../admission.ts';
import type { Endpoint } from '../endpoint.ts';
import { chance } from '../hash.ts';
import type { IHealthGroup } from '../health-monitor.ts';
import type { IProbe } from '../probe.ts';
import { Action, admissionFor } from '../tcp/action.ts';
import { compileEntry, type IAdmissionPlan } from '../tcp/compile.ts';

const sessionsMaxDefault = 10_000;
const idleMsDefault = 60_000;

/** What a plan is made with. */
export interface IUdpPlanParts {
  limiters: ILimiters;
  lists: AddressLists;
  /** For backends whose health options name no probe. */
  probe: IProbe;
}

/** A UDP entry as it is served. A changed entry has a new one; open sessions keep theirs. */
export interface IUdpPlan {
  readonly id: string;
  readonly settings: IPortProxySettings;
  /** Ascending; 0: a free one. Empty when the entry is switched off. */
  readonly ports: readonly number[];
  readonly action: Action;
  /** What the health monitor knows. */
  readonly group: IHealthGroup;
  readonly admissionPlan: { readonly admission: IAdmissionPlan };
  readonly admission: Admission;
  readonly sessionsMax: number;
  readonly idleMs: number;
}

/**
 * Compiles an entry with `protocol: udp`.
 *
 * @param before its plan before the change: what its backends have learned goes on.
 * @throws DcError `CONFIG_INVALID` for access rules that are none.
 */
export function compileUdp(
  settings: IPortProxySettings,
  parts: IUdpPlanParts,
  before: IUdpPlan | undefined,
): IUdpPlan {
  const entry = compileEntry(settings);
  if (entry.action === null) throw new Error(`UDP entry "${settings.id}" has no backends`);
  const { id } = entry;
  const action = new Action({
    ...{ limiters: parts.limiters, lists: parts.lists },
    ...{ plan: entry.action, entryId: id, before: before?.action, tlsEnd: null },
  });
  const { udp = {} } = settings;
  const sessionsMax = udp.sessionsMax ?? (settings.connectionsMax || sessionsMaxDefault);
  const admissionPlan = {
    admission: {
      access: settings.access,
      connectionsMax: sessionsMax,
      connectionsPerClientMax: udp.sessionsPerClientMax ?? (settings.connectionsPerClientMax || 0),
      connectionRate: settings.connectionRate,
    },
  };
  const known = before && { admission: before.admission, plan: before.admissionPlan };
  const admission = admissionFor(action.routeId, admissionPlan.admission, parts, known);
  // A probe that was asked for by name is over TCP; a backend may have both.
  const probe = settings.health?.probe === undefined ? parts.probe : undefined;
  return Object.freeze({
    id,
    settings,
    ports: entry.ports,
    action,
    group: {
      routeId: action.routeId,
      endpoints: action.endpoints,
      health: settings.health,
      ...(probe === undefined ? {} : { probe }),
    },
    admissionPlan,
    admission: admission as Admission,
    sessionsMax,
    idleMs: udp.idleMs ?? idleMsDefault,
  });
}

/**
 * The backend for a session, or for one whose backend failed.
 *
 * When all are dead, one of them is tried anyway, if nobody took it out by hand: there is no way to
 * tell a UDP client that it should go, and a backend that is back is found at once.
 *
 * @param tried backends that failed for these datagrams.
 */
export function pickBackend(
  { action }: IUdpPlan,
  port: number,
  clientIp: string,
  tried: readonly Endpoint[] | null,
): Endpoint | undefined {
  const alive = action.pick(port, clientIp, tried);
  if (alive !== undefined) return alive;
  const { byPort } = action.plan;
  const places = byPort === null ? [...action.backends.keys()] : (byPort.get(port) ?? []);
  const left = places
    .map((place) => action.backends[place] as Endpoint)
    .filter((endpoint) => mayBeTried(endpoint) && tried?.includes(endpoint) !== true);
  return left[Math.floor(chance() * left.length)];
}

function mayBeTried({ isDead, maintenance, config }: Endpoint): boolean {
  return isDead && !maintenance && !isOut(config);
}

function isOut({ isDead, maintenance = false }: Backend): boolean {
  return isDead || maintenance;
}
