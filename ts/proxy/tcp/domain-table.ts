import type { PortMap } from './ports.ts';

/** What a connection is, by its first bytes. */
export type TFirstBytes = 'tls' | 'http' | 'ssh' | 'silent' | 'other';

/** Connections that a value is for. */
export interface IDomainRule<TValue> {
  readonly value: TValue;
  /** TLS server names, `*.example.com` and `*`; null: any name, and none. */
  readonly domains: readonly string[] | null;
  /** One of these must be offered by TLS clients; null: any, and none. */
  readonly alpn: readonly string[] | null;
  /** null: every one. */
  readonly protocol: TFirstBytes | null;
  /** null: every port. */
  readonly ports: PortMap<true> | null;
  /** What becomes of its connections depends on whether they are TLS. */
  readonly asksForTls: boolean;
}

type TCandidates<TValue> = IDomainRule<TValue> | IDomainRule<TValue>[];

/**
 * Which of an entry's domain configs takes a connection.
 *
 * A name costs one look-up for each of its labels, however many names there are. The most specific
 * name wins; of rules for the same name those with more conditions come first, then the earlier one.
 */
export class DomainTable<TValue> {
  private readonly exact = new Map<string, TCandidates<TValue>>();
  /** By what follows the asterisk: `.example.com`. */
  private readonly wildcards = new Map<string, TCandidates<TValue>>();
  /** `*`. */
  private readonly everyName: IDomainRule<TValue>[] = [];
  private readonly byProtocol = new Map<TFirstBytes, IDomainRule<TValue>[]>();
  /** Rules without any condition but ports. */
  private readonly general: IDomainRule<TValue>[] = [];
  /** Rules that need the first bytes at some ports only. */
  private readonly peeking: IDomainRule<TValue>[] = [];
  private peeksEverywhere = false;

  constructor(rules: readonly IDomainRule<TValue>[]) {
    for (const rule of rules) this.add(rule);
    for (const list of [this.everyName, this.general, ...this.byProtocol.values()]) sort(list);
    for (const map of [this.exact, this.wildcards]) {
      for (const candidates of map.values()) if (Array.isArray(candidates)) sort(candidates);
    }
  }

  /** Whether the first bytes decide what becomes of connections to this port. */
  needsBytes(port: number): boolean {
    if (this.peeksEverywhere) return true;
    return this.peeking.some(({ ports }) => ports?.has(port) === true);
  }

  /** What takes clients that wait for the server to speak; undefined: nothing waits for them. */
  silent(port: number): TValue | undefined {
    return first(this.byProtocol.get('silent'), null, port);
  }

  /** What takes a TLS client. @param name in lower case; null: it named none. */
  tls(name: string | null, alpn: readonly string[], port: number): TValue | undefined {
    if (name !== null) {
      const found = this.named(name, alpn, port);
      if (found !== undefined) return found;
    }
    return first(this.byProtocol.get('tls'), alpn, port) ?? first(this.general, alpn, port);
  }

  /** What takes a client that does not speak TLS. */
  plain(protocol: Exclude<TFirstBytes, 'tls'>, port: number): TValue | undefined {
    return first(this.byProtocol.get(protocol), null, port) ?? first(this.general, null, port);
  }

  /** What takes every connection to a port that needs no look at its bytes. */
  direct(port: number): TValue | undefined {
    return first(this.general, null, port);
  }

  private named(name: string, alpn: readonly string[], port: number): TValue | undefined {
    let found = pick(this.exact.get(name), alpn, port);
    if (this.wildcards.size > 0) {
      let dot = name.indexOf('.');
      while (found === undefined && dot !== -1) {
        found = pick(this.wildcards.get(name.slice(dot)), alpn, port);
        dot = name.indexOf('.', dot + 1);
      }
    }
    return found ?? first(this.everyName, alpn, port);
  }

  private add(rule: IDomainRule<TValue>): void {
    const { domains, alpn, ports } = rule;
    const protocol = rule.protocol ?? (domains === null && alpn === null ? null : 'tls');
    if (protocol !== null || rule.asksForTls) {
      if (ports === null) this.peeksEverywhere = true;
      else this.peeking.push(rule);
    }
    if (domains === null) {
      if (protocol === null) this.general.push(rule);
      else this.listOf(protocol).push(rule);
      return;
    }
    for (const domain of domains) {
      if (domain === '*') this.everyName.push(rule);
      else if (domain.startsWith('*.')) append(this.wildcards, domain.slice(1), rule);
      else append(this.exact, domain, rule);
    }
  }

  private listOf(protocol: TFirstBytes): IDomainRule<TValue>[] {
    const list = this.byProtocol.get(protocol) ?? [];
    this.byProtocol.set(protocol, list);
    return list;
  }
}

function append<TValue>(
  map: Map<string, TCandidates<TValue>>,
  key: string,
  rule: IDomainRule<TValue>,
): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, rule);
  else if (Array.isArray(known)) known.push(rule);
  else map.set(key, [known, rule]);
}

/** Those with more conditions first; the order is kept among equals. */
function sort<TValue>(rules: IDomainRule<TValue>[]): void {
  const conditions = ({ alpn, ports }: IDomainRule<TValue>) =>
    (alpn === null ? 0 : 2) + (ports === null ? 0 : 1);
  rules.sort((one, other) => conditions(other) - conditions(one));
}

function pick<TValue>(
  candidates: TCandidates<TValue> | undefined,
  alpn: readonly string[],
  port: number,
): TValue | undefined {
  if (candidates === undefined) return undefined;
  if (Array.isArray(candidates)) return first(candidates, alpn, port);
  return fits(candidates, alpn, port) ? candidates.value : undefined;
}

/** @param alpn null: the client does not speak TLS. */
function first<TValue>(
  rules: readonly IDomainRule<TValue>[] | undefined,
  alpn: readonly string[] | null,
  port: number,
): TValue | undefined {
  return rules?.find((rule) => fits(rule, alpn, port))?.value;
}

function fits<TValue>(
  { alpn: wanted, ports }: IDomainRule<TValue>,
  alpn: readonly string[] | null,
  port: number,
): boolean {
  if (ports !== null && !ports.has(port)) return false;
  return wanted === null || alpn?.some((protocol) => wanted.includes(protocol)) === true;
}
