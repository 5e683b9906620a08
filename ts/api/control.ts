import type { IWorkerInfo } from '../../ts_interfaces/index.ts';
import { systemClock } from '../core/clock.ts';
import type { IProblem } from '../core/errors.ts';
import { silentLogger } from '../core/logger.ts';
import { AccessService } from './access-service.ts';
import { BackendService } from './backend-service.ts';
import { CertificateService } from './certificate-service.ts';
import { ConfigService } from './config-service.ts';
import { ConnectionService } from './connection-service.ts';
import { DnsService } from './dns-service.ts';
import { DnssecService } from './dnssec-service.ts';
import { explain, type IExplainQuery, type IExplanation } from './explain.ts';
import { LimitService } from './limit-service.ts';
import { maintenanceCollection } from './maintenance.ts';
import { isObject } from './merge-patch.ts';
import { type IForeignPort, managementPort } from './port-clash.ts';
import { type IBase, type IRebase, type IRebaseSettings, planRebase } from './rebase.ts';
import { RecordService } from './record-service.ts';
import { RouteService } from './route-service.ts';
import { ControlState, type IControlParts, itemKinds, type TItemKind } from './state.ts';
import { TcpPartsService } from './tcp-parts-service.ts';
import { TcpService } from './tcp-service.ts';
import { TokenService } from './token-service.ts';
import type { IProcessControl, IStatsSource } from './types.ts';
import { ZoneService } from './zone-service.ts';

/** What a `ControlPlane` is made of. */
export interface IControlPlaneParts extends IControlParts {
  process: IProcessControl;
}

/** The state of the router, in short. */
export interface IStatus {
  version: string;
  ready: boolean;
  /** ISO 8601. */
  startedAt: string;
  uptimeSeconds: number;
  entrypoints: Record<string, { address: string; port: number; tls: boolean }>;
  routes: number;
  certificates: number;
  /** Entries of the TCP and UDP plane. */
  tcp: number;
  /** Address lists. */
  access: number;
  /** Named rate limits. */
  limits: number;
  /** DNS zones. */
  zones: number;
  /** Where DNS is answered, by name of the listener. */
  dns: Record<string, { address: string; port: number; tls: boolean }>;
  /** Empty: everything runs in one process. */
  workers: readonly IWorkerInfo[];
  configFile: string | null;
  /** Whether the file was written since it was loaded; null: no file, or it cannot be read. */
  configChanged: boolean | null;
  problems: readonly IProblem[];
}

/**
 * Everything that can be changed and asked while the router runs. The REST API is a translation of
 * it; the library's users have it as `dcRouter.control`.
 *
 * The configuration (of a file or of `new DcRouter`) is the base; what is changed here is an
 * overlay, which the store keeps. A change is checked, compiled, stored and then live, in this
 * order, and acknowledged after that; changes run one after the other.
 */
export class ControlPlane {
  readonly routes: RouteService;
  readonly backends: BackendService;
  readonly certificates: CertificateService;
  readonly tcp: TcpService;
  /** Domain configs and port ranges of TCP entries. */
  readonly tcpParts: TcpPartsService;
  readonly access: AccessService;
  readonly limits: LimitService;
  /** DNS zones, what is in them, how they are signed. */
  readonly zones: ZoneService;
  readonly records: RecordService;
  readonly dnssec: DnssecService;
  /** Name servers and resolver: questions, cache, numbers. */
  readonly dns: DnsService;
  readonly connections: ConnectionService;
  readonly tokens: TokenService;
  readonly configuration: ConfigService;
  readonly stats: IStatsSource;
  readonly process: IProcessControl;
  private readonly state: ControlState;

  constructor(parts: IControlPlaneParts) {
    const { logger = silentLogger, clock = systemClock } = parts;
    this.state = new ControlState({ ...parts, logger, clock });
    this.routes = new RouteService(this.state);
    this.backends = new BackendService(this.state, this.routes);
    this.certificates = new CertificateService(this.state);
    this.tcp = new TcpService(this.state, () => this.foreignPorts());
    this.tcpParts = new TcpPartsService(this.tcp);
    this.access = new AccessService(this.state, parts.process);
    this.limits = new LimitService(this.state, parts.process);
    this.zones = new ZoneService(this.state, parts.process);
    this.records = new RecordService(this.state, this.zones);
    this.dnssec = new DnssecService(this.state, this.zones);
    this.dns = new DnsService(this.state, parts.process, this.zones);
    this.connections = new ConnectionService(this.state);
    this.tokens = new TokenService(parts.store, clock, logger);
    this.configuration = new ConfigService(this.state, parts.process);
    this.stats = parts.stats;
    this.process = parts.process;
  }

  /**
   * Reads what the store keeps. Call it once, before the first `rebase`, which then puts it to use.
   * @throws DcError `STORE_FAILED`, `STORE_CORRUPT`, `NOT_RUNNING`
   */
  async load(): Promise<void> {
    const { store, marks } = this.state;
    await this.tokens.load();
    marks.load(await store.entries(maintenanceCollection));
    for (const kind of itemKinds) await this.loadOverlay(kind);
  }

  /**
   * Works out what a new configuration changes: its items with the overlay over them, against what
   * is live. Nothing has changed until `swap()` or `commit()`. Items of the overlay that cannot be
   * used (any more) are disabled with a problem, which the status shows; they are tried again at
   * the next rebase.
   *
   * From this call to the commit no change may come between: run both inside of `exclusive`.
   */
  rebase(base: IBase, settings: IRebaseSettings = {}): IRebase {
    return planRebase(this.state, base, settings, () => this.foreignPorts());
  }

  /**
   * Runs a task while no change of the control plane runs. Do not wait for such a change inside: it
   * waits for the task.
   */
  exclusive<T>(task: () => T | Promise<T>): Promise<T> {
    return this.state.serial.run(task);
  }

  /** Ends when the changes that were asked for before have ended; then the store may be closed. */
  async settled(): Promise<void> {
    await this.state.serial.run(() => undefined);
    await this.tokens.settled();
  }

  /** Which route would take a request, and why. @throws ApiError `REQUEST_INVALID` (400) */
  explain(query: IExplainQuery): IExplanation {
    return explain(this.state, query);
  }

  /** The state of the router, in short. */
  async status(): Promise<IStatus> {
    const { process, configuration, state } = this;
    return {
      version: process.version,
      ready: process.ready(),
      startedAt: new Date(process.startedAt).toISOString(),
      uptimeSeconds: Math.max(0, (state.clock.now() - process.startedAt) / 1000),
      entrypoints: process.entrypoints(),
      routes: state.routes.size,
      certificates: state.certificates.size,
      tcp: state.tcp.size,
      access: state.access.size,
      limits: state.limits.size,
      zones: state.zones.size,
      dns: state.dns.addresses(),
      workers: process.workers(),
      configFile: process.configFile,
      configChanged: await process.fileChanged(),
      problems: [...configuration.problems(), ...this.zones.problems(), ...this.tokens.problems()],
    };
  }

  /** Names of address lists and limits that the API brought. */
  overlayNames(): { accessLists: string[]; limits: string[] } {
    const { access, limits } = this.state;
    return { accessLists: namesIn(access.overlay()), limits: namesIn(limits.overlay()) };
  }

  /** Ports that are taken by something other than TCP entries. */
  private foreignPorts(): IForeignPort[] {
    const { process } = this;
    const ports = Object.entries(process.entrypoints()).map(([name, { address, port }]) => {
      return { holder: `the entrypoint "${name}"`, address, port };
    });
    const names = Object.entries(this.state.dns.addresses()).flatMap(([name, where]) => {
      const tcp = { holder: `the DNS listener "${name}"`, ...where };
      return where.tls ? [tcp] : [tcp, { ...tcp, protocol: 'udp' as const }];
    });
    return [...ports, ...names, ...managementPort(process.options().api)];
  }

  private async loadOverlay(kind: TItemKind): Promise<void> {
    this.state.disabled[kind].clear();
    for (const [key, value] of await this.state.store.entries(kind)) {
      if (isObject(value) && value.removed === true) this.state[kind].apply(key, null);
      // Tried by the first rebase, as everything that was disabled is.
      else this.state.disabled[kind].set(key, { value, problems: [] });
    }
  }
}

function namesIn(overlay: ReadonlyMap<string, object | null>): string[] {
  return [...overlay].flatMap(([name, value]) => (value === null ? [] : [name]));
}
