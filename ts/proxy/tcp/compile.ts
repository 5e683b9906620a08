import type {
  Backend,
  IAccessRules,
  IBandwidth,
  IConnectionRate,
  IDomainConfig,
  IHealthOptions,
  IPortProxySettings,
  ITcpAction,
  ITcpTimeouts,
} from '../../../ts_interfaces/index.ts';
import { CidrSet } from '../../net/cidr.ts';
import type { BalancingStrategy } from '../balancing-strategy.ts';
import type { IProxyInPlan } from '../intake.ts';
import type { ITlsPlan } from '../tls-terminator.ts';
import type { TFirstBytes } from './domain-table.ts';
import { PortMap, portSpan, portsOfSpans } from './ports.ts';
import { targetsOf } from './targets.ts';

const timeoutDefaults: Readonly<Required<ITcpTimeouts>> = {
  peekMs: 5000,
  silentMs: 300,
  connectMs: 5000,
  idleMs: 3_600_000,
  totalMs: 0,
  halfCloseMs: 300_000,
  handshakeMs: 10_000,
};

const retriesDefault = 2;
const keepAliveMsDefault = 60_000;
const proxyHeaderMsDefault = 5000;

/** Limits of who may come; what is undefined does not limit. */
export interface IAdmissionPlan {
  readonly access: IAccessRules | undefined;
  readonly connectionsMax: number;
  readonly connectionsPerClientMax: number;
  readonly connectionRate: IConnectionRate | undefined;
}

/** What is done with connections, as the data path reads it. */
export interface IActionPlan {
  /** Id of its domain config; null: the entry's own. */
  readonly domainConfig: string | null;
  /** The connection goes to the web plane; it has no backends then. */
  readonly usesWeb: boolean;
  /** Port 0: the one that the client came to. */
  readonly backends: readonly Backend[];
  /** Places in `backends`, by the client's port; null: all of them for every port. */
  readonly byPort: PortMap<readonly number[]> | null;
  readonly strategy: BalancingStrategy;
  readonly health: IHealthOptions | undefined;
  readonly retries: number;
  /** Version of the PROXY protocol header for the backend; 0: none. */
  readonly proxyVersion: 0 | 1 | 2;
  /** TLS is ended here, or by the web plane; null: it is forwarded as it is. */
  readonly tls: ITlsPlan | null;
  /** Protocols that are offered where TLS is ended; empty: none. */
  readonly alpn: readonly string[];
  /** null: everybody may come. */
  readonly admission: IAdmissionPlan | null;
  readonly bandwidth: IBandwidth | null;
  readonly timeouts: Readonly<Required<ITcpTimeouts>>;
}

/** A domain config: which connections it takes, and what is done with them. */
export interface IDomainPlan {
  readonly action: IActionPlan;
  readonly domains: readonly string[] | null;
  readonly alpn: readonly string[] | null;
  readonly protocol: TFirstBytes | null;
  readonly ports: PortMap<true> | null;
}

/** An entry as it is served; frozen. */
export interface IEntryPlan {
  readonly settings: IPortProxySettings;
  readonly id: string;
  readonly address: string | undefined;
  /** Ports that it listens on, ascending; 0: a free one. Empty when it is switched off. */
  readonly ports: readonly number[];
  /** null: no PROXY protocol header is read. */
  readonly proxyIn: IProxyInPlan | null;
  readonly keepAliveMs: number;
  readonly noDelay: boolean;
  /** TLS clients that no domain config takes are broken off. */
  readonly resetsUnknown: boolean;
  /** What is done with connections that no domain config takes; null: they are broken off. */
  readonly action: IActionPlan | null;
  /** Of the entry as a whole; null: everybody may come. */
  readonly admission: IAdmissionPlan | null;
  readonly domains: readonly IDomainPlan[];
  readonly timeouts: Readonly<Required<ITcpTimeouts>>;
}

/**
 * Compiles an entry that `ts/config` has checked.
 *
 * @throws DcError `CONFIG_INVALID` for a trusted proxy that is no CIDR.
 */
export function compileEntry(settings: IPortProxySettings): IEntryPlan {
  const hasAction = isAction(settings);
  const timeouts = Object.freeze({ ...timeoutDefaults, ...defined(settings.timeouts) });
  const action = hasAction ? compileAction(null, settings, settings, timeouts) : null;
  const { unknownName = hasAction ? 'default' : 'reset' } = settings;
  return Object.freeze({
    settings,
    id: settings.id,
    address: settings.address,
    ports: settings.enabled === false ? [] : portsOf(settings),
    proxyIn: compileProxyIn(settings),
    keepAliveMs: settings.keepAliveMs ?? keepAliveMsDefault,
    noDelay: settings.noDelay ?? true,
    resetsUnknown: unknownName === 'reset',
    action,
    admission: compileAdmission(settings),
    domains: (settings.domainConfigs ?? []).map((config) => {
      return compileDomain(config, settings, timeouts);
    }),
    timeouts,
  });
}

/** Ports that an entry listens on, ascending. */
export function portsOf({ fromPort, globalPortRanges = [] }: IPortProxySettings): number[] {
  const own = fromPort === undefined ? [] : [fromPort];
  return portsOfSpans([...own, ...globalPortRanges].map(portSpan));
}

function isAction({ toPort, backends, useNetworkProxy }: ITcpAction): boolean {
  return toPort !== undefined || (backends?.length ?? 0) > 0 || useNetworkProxy === true;
}

function compileDomain(
  config: IDomainConfig,
  entry: IPortProxySettings,
  timeouts: Readonly<Required<ITcpTimeouts>>,
): IDomainPlan {
  const { domains, alpn, protocol, portRanges } = config;
  const id = config.id ?? domains?.[0] ?? protocol ?? 'any';
  const spans = portRanges?.map((range) => [portSpan(range), true] as const);
  return Object.freeze({
    action: compileAction(id, config, entry, timeouts),
    domains: domains === undefined || domains.length === 0 ? null : domains,
    alpn: alpn === undefined || alpn.length === 0 ? null : alpn,
    protocol: protocol ?? null,
    ports: spans === undefined || spans.length === 0 ? null : new PortMap(spans),
  });
}

function compileAction(
  domainConfig: string | null,
  action: ITcpAction & { alpn?: string[] },
  entry: IPortProxySettings,
  entryTimeouts: Readonly<Required<ITcpTimeouts>>,
): IActionPlan {
  const timeouts =
    domainConfig === null || action.timeouts === undefined
      ? entryTimeouts
      : Object.freeze({ ...entryTimeouts, ...defined(action.timeouts) });
  const { toPort, backends = [], useNetworkProxy: usesWeb = false, sendProxyProtocol } = action;
  const bandwidth = action.bandwidth ?? entry.bandwidth ?? null;
  return Object.freeze({
    domainConfig,
    usesWeb,
    ...(toPort === undefined ? { backends, byPort: null } : targetsOf(toPort)),
    strategy: action.strategy ?? 'ROUND_ROBIN',
    health: action.health,
    retries: action.retries ?? retriesDefault,
    proxyVersion: sendProxyProtocol === undefined ? 0 : sendProxyProtocol === 'v1' ? 1 : 2,
    tls: compileTls(action, usesWeb, timeouts.handshakeMs),
    alpn: domainConfig === null ? [] : (action.alpn ?? []),
    // The entry's own limits hold for the entry as a whole.
    admission: domainConfig === null ? null : compileAdmission(action),
    bandwidth: hasLimit(bandwidth) ? bandwidth : null,
    timeouts,
  });
}

function compileTls({ tls }: ITcpAction, usesWeb: boolean, handshakeMs: number): ITlsPlan | null {
  if (!usesWeb && (tls === undefined || tls === 'passthrough')) return null;
  const { minVersion = 'TLSv1.2', defaultCertificate = null } = typeof tls === 'object' ? tls : {};
  return Object.freeze({ minVersion, defaultName: defaultCertificate, handshakeMs });
}

function compileAdmission(action: ITcpAction): IAdmissionPlan | null {
  const { access, connectionsMax = 0, connectionsPerClientMax = 0, connectionRate } = action;
  const isOpen =
    access === undefined &&
    connectionsMax === 0 &&
    connectionsPerClientMax === 0 &&
    connectionRate === undefined;
  if (isOpen) return null;
  return Object.freeze({ access, connectionsMax, connectionsPerClientMax, connectionRate });
}

function compileProxyIn({ proxyProtocol }: IPortProxySettings): IProxyInPlan | null {
  if (proxyProtocol === undefined) return null;
  const { from, mode = 'required', timeoutMs = proxyHeaderMsDefault } = proxyProtocol;
  return Object.freeze({ mode, trusted: new CidrSet(from), timeoutMs });
}

function hasLimit(bandwidth: IBandwidth | null): boolean {
  if (bandwidth === null) return false;
  return (bandwidth.inBytesPerSecond ?? 0) > 0 || (bandwidth.outBytesPerSecond ?? 0) > 0;
}

/** Without the keys whose value is undefined: they would hide a default. */
function defined(timeouts: ITcpTimeouts | undefined): ITcpTimeouts {
  const entries = Object.entries(timeouts ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}
