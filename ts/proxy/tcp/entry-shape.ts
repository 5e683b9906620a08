import type { ITcpTimeouts } from '../../../ts_interfaces/index.ts';
import type { Wire } from '../../net/wire.ts';
import type { Admission } from '../admission.ts';
import { Action, admissionFor, type IAdmissionParts } from './action.ts';
import type { IActionPlan, IEntryPlan } from './compile.ts';
import { DomainTable, type IDomainRule } from './domain-table.ts';
import { type ITlsEndParts, TlsEnd } from './tls-end.ts';

/** What shapes are made with. */
export interface IShapeParts extends IAdmissionParts, ITlsEndParts {}

/** What becomes of connections to one port of an entry. */
export interface IPortShape {
  /** The first bytes have to be seen before it is known. */
  readonly peeks: boolean;
  /** What is done with all of them when they need not be; null: they are broken off. */
  readonly action: Action | null;
}

/**
 * An entry as the data path uses it: its plan, its actions with their backends, and which
 * connections each of them takes. Never changes: a changed entry is another shape.
 */
export class EntryShape {
  readonly plan: IEntryPlan;
  /** The entry's own; null: what no domain config takes is broken off. */
  readonly action: Action | null;
  /** Of the domain configs, by their ids. */
  readonly domains = new Map<string, Action>();
  readonly table: DomainTable<Action>;
  readonly admission: Admission | null;
  /** Somebody wants to know the address that the client came to. */
  readonly wantsLocal: boolean;
  /** Some connections go to the web plane. */
  readonly usesWeb: boolean;

  constructor(plan: IEntryPlan, before: EntryShape | undefined, parts: IShapeParts) {
    const { id } = plan;
    const make = (part: IActionPlan, known: Action | undefined) => {
      const tlsEnd = tlsEndFor(`tcp:${id}`, part, known, parts);
      return new Action({ ...parts, entryId: id, plan: part, before: known, tlsEnd });
    };
    this.plan = plan;
    this.action = plan.action === null ? null : make(plan.action, before?.action ?? undefined);
    const rules: IDomainRule<Action>[] = [];
    for (const { action: part, domains, alpn, protocol, ports } of plan.domains) {
      const name = part.domainConfig as string;
      const value = make(part, before?.domains.get(name));
      this.domains.set(name, value);
      rules.push({ value, domains, alpn, protocol, ports, asksForTls: part.usesWeb });
    }
    this.table = new DomainTable(rules);
    this.admission = admissionFor(`tcp:${id}`, plan.admission, parts, before);
    const actions = [...this.actions()];
    this.wantsLocal = actions.some(wantsLocal);
    this.usesWeb = actions.some(({ plan: { usesWeb } }) => usesWeb);
  }

  /** Unique name of the entry. */
  get id(): string {
    return this.plan.id;
  }

  /** Of the entry: what holds until it is known what is done with a connection. */
  get timeouts(): Readonly<Required<ITcpTimeouts>> {
    return this.plan.timeouts;
  }

  /** The entry's own, and those of the domain configs. */
  *actions(): Generator<Action> {
    if (this.action !== null) yield this.action;
    yield* this.domains.values();
  }

  /** What becomes of connections to a port. */
  portShape(port: number): IPortShape {
    const action = this.table.direct(port) ?? this.action;
    // Whoever wants TLS clients broken off has to see who is one.
    const isStrict = this.plan.settings.unknownName === 'reset';
    const peeks =
      this.table.needsBytes(port) || action?.plan.usesWeb === true || (isStrict && action !== null);
    return { peeks, action };
  }

  /** Sets the options of both sides' sockets. */
  tune(client: Wire, backend: Wire): void {
    const { keepAliveMs, noDelay } = this.plan;
    if (keepAliveMs !== 0) {
      client.setKeepAlive(keepAliveMs);
      backend.setKeepAlive(keepAliveMs);
    }
    if (noDelay) return;
    client.setNoDelay(false);
    backend.setNoDelay(false);
  }
}

function wantsLocal({ plan }: Action): boolean {
  const tells = plan.backends.some(({ sendProxyProtocol }) => sendProxyProtocol !== undefined);
  return plan.usesWeb || plan.proxyVersion !== 0 || tells;
}

/** What ends an action's TLS; the one from before when it would be the same. */
function tlsEndFor(
  name: string,
  { tls, alpn, usesWeb }: IActionPlan,
  before: Action | undefined,
  parts: IShapeParts,
): TlsEnd | null {
  if (tls === null || usesWeb) return null;
  const known = before?.tlsEnd ?? null;
  const isSame =
    known !== null &&
    known.plan.minVersion === tls.minVersion &&
    known.plan.handshakeMs === tls.handshakeMs &&
    known.plan.defaultName === tls.defaultName &&
    known.alpn.join() === alpn.join();
  return isSame ? known : new TlsEnd(name, tls, alpn, parts);
}
