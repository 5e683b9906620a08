import type { IAccessRules, IConnectionRate } from '../../ts_interfaces/index.ts';
import { AccessRules } from '../net/access-rules.ts';
import type { AddressLists } from '../net/address-list.ts';
import { clientKey } from '../net/client-prefix.ts';
import type { IConnectionCounter } from '../net/connection-counter.ts';
import type { ILimiters } from '../net/limiters.ts';
import type { IRateLimiter } from '../net/rate-limiter.ts';

/** Who may come to an entrypoint, how often, and how many. */
export interface IAdmissionOptions {
  /** Who may come, by address. @default everybody */
  readonly access?: IAccessRules | undefined;
  /** Open connections; 0: no limit. @default 0 */
  readonly connectionsMax?: number | undefined;
  /** Open connections of one client address (IPv6: of one /64); 0: no limit. @default 0 */
  readonly connectionsPerClientMax?: number | undefined;
  /** New connections of one client address (IPv6: of one /64). @default no limit */
  readonly connectionRate?: IConnectionRate | undefined;
}

/** Key of all connections together; no client has it. */
const everybody = '*';

/** One limit that a connection has to pass. */
interface IGate {
  /** As `IConnectionCounter.enter`. */
  enter(key: string, answer: (entered: boolean) => void): boolean | null;
  /** Takes an `enter` back: another gate is closed. */
  undo(key: string): void;
  /** A connection that passed is closed. */
  leave(key: string): void;
}

/**
 * Decides which connections may stay, and counts those that do.
 *
 * Asked in this order: address rules, the rate, all connections, those of the client. What was
 * taken from one limit is given back when another one refuses.
 */
export class Admission {
  /** Connections that were refused. */
  refused = 0;
  /** Connections that are open. */
  open = 0;
  private readonly rules: AccessRules | null;
  private readonly gates: readonly IGate[];

  /**
   * Its limits are in force from now on.
   *
   * @param id of what it guards: limits with the same id share what they have counted.
   * @throws DcError `CONFIG_INVALID` for access rules that are none.
   */
  constructor(id: string, options: IAdmissionOptions, limiters: ILimiters, lists: AddressLists) {
    const { access, connectionRate, connectionsMax = 0, connectionsPerClientMax = 0 } = options;
    this.rules = access === undefined ? null : new AccessRules(access, lists);
    const gates: IGate[] = [];
    if (connectionRate !== undefined) gates.push(rateGate(id, connectionRate, limiters));
    if (connectionsMax + connectionsPerClientMax > 0) {
      const counter = limiters.connectionCounter(id);
      if (connectionsMax > 0) gates.push(totalGate(counter, connectionsMax));
      if (connectionsPerClientMax > 0) gates.push(clientGate(counter, connectionsPerClientMax));
    }
    this.gates = gates;
  }

  /**
   * Asks for a connection. Whoever is admitted calls `leave` when it is closed.
   *
   * @param ip of the client.
   * @param done called once, later, when null is returned, and else never.
   */
  admit(ip: string, done: (entered: boolean) => void): boolean | null {
    if (this.rules !== null && !this.rules.allows(ip)) return this.conclude(false);
    if (this.gates.length === 0) return this.conclude(true);
    const entered = new Passage(this.gates, clientKey(ip), (later) => {
      done(this.conclude(later));
    }).goOn();
    return entered === null ? null : this.conclude(entered);
  }

  /** A connection that was admitted is closed. */
  leave(ip: string): void {
    this.open--;
    if (this.gates.length === 0) return;
    const key = clientKey(ip);
    for (const gate of this.gates) gate.leave(key);
  }

  private conclude(entered: boolean): boolean {
    if (entered) this.open++;
    else this.refused++;
    return entered;
  }
}

/** One connection on its way through the gates. */
class Passage {
  private readonly gates: readonly IGate[];
  private readonly key: string;
  private readonly done: (entered: boolean) => void;
  private passed = 0;

  constructor(gates: readonly IGate[], key: string, done: (entered: boolean) => void) {
    this.gates = gates;
    this.key = key;
    this.done = done;
  }

  goOn(): boolean | null {
    const { gates, key } = this;
    while (this.passed < gates.length) {
      const entered = (gates[this.passed] as IGate).enter(key, this.onLater);
      if (entered === null) return null;
      if (!entered) return this.turnBack();
      this.passed++;
    }
    return true;
  }

  private readonly onLater = (entered: boolean): void => {
    if (entered) this.passed++;
    const outcome = entered ? this.goOn() : this.turnBack();
    if (outcome !== null) this.done(outcome);
  };

  private turnBack(): false {
    for (const gate of this.gates.slice(0, this.passed)) gate.undo(this.key);
    return false;
  }
}

function rateGate(id: string, rate: IConnectionRate, limiters: ILimiters): IGate {
  const { connections, windowSeconds = 1, burst = connections } = rate;
  const settings = { amount: connections, windowMs: windowSeconds * 1000, burst };
  const limiter: IRateLimiter = limiters.rateLimiter(id, settings);
  return {
    enter: (key, answer) => {
      const verdict = limiter.take(key, performance.now(), ({ allowed }) => answer(allowed));
      return verdict === null ? null : verdict.allowed;
    },
    undo: (key) => limiter.giveBack(key),
    leave: () => undefined,
  };
}

function totalGate(counter: IConnectionCounter, max: number): IGate {
  const leave = () => counter.leave(everybody);
  return { enter: (_, answer) => counter.enter(everybody, max, answer), undo: leave, leave };
}

function clientGate(counter: IConnectionCounter, max: number): IGate {
  const leave = (key: string) => counter.leave(key);
  return { enter: (key, answer) => counter.enter(key, max, answer), undo: leave, leave };
}
