import type {
  IBandwidth,
  IEntrypointOptions,
  IHooks,
  IProxyProtocol,
  IWebOptions,
} from '../../ts_interfaces/index.ts';
import { defaultDomainsOf } from '../config/default-domains.ts';
import { httpLimits, httpTimeouts } from '../config/defaults.ts';
import { type IParseSettings, parseOptions } from '../config/parse-options.ts';
import { DcError } from '../core/errors.ts';
import { CidrSet } from '../net/cidr.ts';
import type { IWebService } from '../net/web-service.ts';
import type { IPreparedEntrypoint } from './entrypoints.ts';
import type { IBandwidthPlan } from './http/connection-pace.ts';
import type { IEntrypointPlan, IWebSettings } from './http/engine.ts';
import type { IProxyInPlan } from './intake.ts';
import type { ITlsPlan } from './tls-terminator.ts';

const proxyHeaderMsDefault = 5000;

/**
 * Checks the web plane's options where no configuration file did.
 *
 * @param elsewhere names of auth providers that are functions, of address lists, and of rate limits.
 * @returns a frozen copy, with routes as `parseRoute` makes them.
 * @throws DcError `CONFIG_INVALID` with every problem, by its path.
 */
export function parseWeb(
  web: IWebOptions,
  elsewhere: Pick<IParseSettings, 'authProviders' | 'accessLists' | 'limits'>,
): IWebOptions {
  // Certificates may come from elsewhere.
  const certificates = defaultDomainsOf(web);
  return parseOptions({ web }, { ...elsewhere, certificates }).options.web ?? {};
}

/**
 * Compiles what every connection reads.
 *
 * @throws DcError `CONFIG_INVALID` for a trusted proxy that is no CIDR.
 */
export function compileSettings(
  web: IWebOptions,
  hooks: IHooks | null,
  httpsPort: number | null,
): IWebSettings {
  const serverName = web.serverName ?? 'dcrouter';
  return Object.freeze({
    trusted: compileTrusted(web.trustedProxies ?? []),
    serverName,
    via: `1.1 ${serverName}`,
    hooks,
    services: null,
    httpsPort,
  });
}

/** New settings, so that what connections remember of requests holds no more. */
export function withServices(
  settings: IWebSettings,
  services: readonly IWebService[],
): IWebSettings {
  return Object.freeze({ ...settings, services: services.length === 0 ? null : [...services] });
}

/** Where `autoHttps` sends clients: the usual port if there is one, else the first of a TLS entrypoint. */
export function httpsPortOf(entrypoints: ReadonlyMap<string, IPreparedEntrypoint>): number | null {
  const ports = [...entrypoints.values()]
    .filter(({ tls }) => tls !== null)
    .map(({ listener }) => listener.bound.port);
  return ports.includes(443) ? 443 : (ports[0] ?? null);
}

function compileTrusted(cidrs: readonly string[]): CidrSet | null {
  if (cidrs.length === 0) return null;
  try {
    return new CidrSet(cidrs);
  } catch (cause) {
    if (!(cause instanceof DcError)) throw cause;
    const { code, message } = cause;
    const problems = cause.problems.map((problem) => {
      return { ...problem, path: `web.trustedProxies${problem.path}` };
    });
    throw new DcError(code, message, { cause, problems });
  }
}

/** Compiles an entrypoint: its own limits and timeouts over those of the plane over the defaults. */
export function compileEntrypoint(
  name: string,
  options: IEntrypointOptions,
  web: IWebOptions,
): IEntrypointPlan {
  return Object.freeze({
    name,
    secure: options.tls !== undefined && options.tls !== false,
    limits: Object.freeze({ ...httpLimits, ...web.limits, ...options.limits }),
    timeouts: Object.freeze({ ...httpTimeouts, ...web.timeouts, ...options.timeouts }),
    bandwidth: bandwidthOf(options.bandwidth),
    connectionsMax: options.connectionsMax ?? 0,
    connectionsPerClientMax: options.connectionsPerClientMax ?? 0,
    connectionRate: options.connectionRate,
    access: options.access,
    proxyProtocol: compileProxyIn(options.proxyProtocol),
  });
}

/** Compiles whose PROXY headers are believed; null: none is read. @throws DcError `CONFIG_INVALID` */
export function compileProxyIn(options: IProxyProtocol | undefined): IProxyInPlan | null {
  if (options === undefined) return null;
  const { mode = 'required', from, timeoutMs = proxyHeaderMsDefault } = options;
  return Object.freeze({ mode, trusted: new CidrSet(from), timeoutMs });
}

function bandwidthOf(bandwidth: IBandwidth | undefined): IBandwidthPlan | null {
  const { inBytesPerSecond = 0, outBytesPerSecond = 0 } = bandwidth ?? {};
  const isLimited = inBytesPerSecond !== 0 || outBytesPerSecond !== 0;
  return isLimited ? Object.freeze({ inBytesPerSecond, outBytesPerSecond }) : null;
}

/** Compiles the TLS of an entrypoint; null: it is plain. */
export function compileTls({ tls }: IEntrypointOptions, plan: IEntrypointPlan): ITlsPlan | null {
  if (tls === undefined || tls === false) return null;
  const given = tls === true ? {} : tls;
  return Object.freeze({
    minVersion: given.minVersion ?? 'TLSv1.2',
    defaultName: given.defaultCertificate ?? null,
    handshakeMs: plan.timeouts.handshakeMs,
  });
}
