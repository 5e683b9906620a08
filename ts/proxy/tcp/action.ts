import { isDeepStrictEqual } from 'node:util';
import type { AddressLists } from '../../net/address-list.ts';
import type { ILimiters } from '../../net/limiters.ts';
import { Admission } from '../admission.ts';
import { Endpoint } from '../endpoint.ts';
import type { IHealthGroup } from '../health-monitor.ts';
import { addressKey } from '../http/upstream-pool.ts';
import { type LoadBalancer, loadBalancerFor } from '../load-balancer.ts';
import { isService } from '../service-name.ts';
import type { IActionPlan, IAdmissionPlan } from './compile.ts';
import type { PortMap } from './ports.ts';
import type { TlsEnd } from './tls-end.ts';

/** What actions and entries ask who may come. */
export interface IAdmissionParts {
  limiters: ILimiters;
  lists: AddressLists;
}

/** What an action is made of. */
export interface IActionParts extends IAdmissionParts {
  entryId: string;
  plan: IActionPlan;
  /** The one with the same id before a change: what it has learned goes on. */
  before: Action | undefined;
  /** null: it is not ended here. */
  tlsEnd: TlsEnd | null;
}

/**
 * What is done with connections, and the state of its backends.
 *
 * A changed entry becomes new actions; sessions that are open keep theirs.
 */
export class Action implements IHealthGroup {
  readonly plan: IActionPlan;
  /** How the health monitor, events and the log call it. */
  readonly routeId: string;
  /** Those that failures may take out: not the ones at the port that the client came to. */
  readonly endpoints: readonly Endpoint[];
  /** All of them, in the order of the plan. */
  readonly backends: readonly Endpoint[];
  readonly admission: Admission | null;
  readonly tlsEnd: TlsEnd | null;
  private readonly balancer: LoadBalancer;
  private readonly byPort: PortMap<readonly number[]> | null;
  private readonly groups = new Map<readonly number[], readonly Endpoint[]>();

  constructor({ plan, entryId, before, tlsEnd, ...parts }: IActionParts) {
    this.plan = plan;
    const id = plan.domainConfig === null ? entryId : `${entryId}/${plan.domainConfig}`;
    this.routeId = `tcp:${id}`;
    const known = new Map(before?.backends.map((endpoint) => [endpoint.id, endpoint]));
    this.backends = plan.backends.map((backend) => {
      const endpoint = known.get(backend.id);
      const isSame = endpoint && addressKey(endpoint.config) === addressKey(backend);
      return isSame ? endpoint : new Endpoint(backend);
    });
    this.endpoints = this.backends.filter(isJudged);
    this.balancer = loadBalancerFor(plan.strategy);
    this.byPort = plan.byPort;
    this.admission = admissionFor(this.routeId, plan.admission, parts, before);
    this.tlsEnd = tlsEnd;
  }

  get health(): IActionPlan['health'] {
    return this.plan.health;
  }

  /** With all backends, for who takes one out by hand. */
  get group(): IHealthGroup {
    return { routeId: this.routeId, endpoints: this.backends, health: this.plan.health };
  }

  /**
   * The backend for the next attempt; undefined when none is both alive and untried.
   *
   * @param port the one that the client came to.
   */
  pick(port: number, clientIp: string, tried: readonly Endpoint[] | null): Endpoint | undefined {
    const endpoints = this.byPort === null ? this.backends : this.groupOf(port);
    if (endpoints.length !== 1) return this.balancer.pick(endpoints, clientIp, tried);
    const [only] = endpoints;
    return only === undefined || only.isDead || tried !== null ? undefined : only;
  }

  /** The settings of backends that went on from before take effect. */
  takeOver(): void {
    for (const [index, backend] of this.plan.backends.entries()) {
      const endpoint = this.backends[index] as Endpoint;
      endpoint.config = backend;
      endpoint.weight = backend.weight ?? 1;
    }
  }

  private groupOf(port: number): readonly Endpoint[] {
    const places = this.byPort?.get(port);
    if (places === undefined) return [];
    const known = this.groups.get(places);
    if (known !== undefined) return known;
    const group = places.map((place) => this.backends[place] as Endpoint);
    this.groups.set(places, group);
    return group;
  }
}

/** Whether failures say something about the backend: one closed port says nothing of the others. */
export function isJudged(endpoint: Endpoint): boolean {
  const { config } = endpoint;
  return config.port !== 0 || config.socketPath !== undefined || isService(config);
}

/** The admission of a plan; the one from before, with all that it counts, when nothing changed. */
export function admissionFor(
  id: string,
  plan: IAdmissionPlan | null,
  { limiters, lists }: IAdmissionParts,
  before: { admission: Admission | null; plan: { admission: IAdmissionPlan | null } } | undefined,
): Admission | null {
  if (plan === null) return null;
  const known = before?.admission ?? null;
  if (known !== null && isDeepStrictEqual(before?.plan.admission, plan)) return known;
  return new Admission(id, plan, limiters, lists);
}
