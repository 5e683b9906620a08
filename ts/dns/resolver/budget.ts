import type { IClock } from '../../core/clock.ts';
import type { IBudget } from './answer.ts';

/** What one client's question may cost. */
export interface IBudgetLimits {
  /** Queries to servers, with all that the question leads to. @default 100 */
  readonly queriesMax?: number;
  /** Look-ups of addresses of name servers. @default 16 */
  readonly addressLookupsMax?: number;
  /** @default 10,000 */
  readonly timeoutMs?: number;
}

/** Defaults, near to those of BIND, PowerDNS and Unbound. */
export const budgetDefaults = { queriesMax: 100, addressLookupsMax: 16, timeoutMs: 10_000 };

/** The work that is left for a client's question. Look-ups that it leads to share it. */
export class Budget implements IBudget {
  queriesTaken = 0;
  private readonly queriesMax: number;
  private addressLookupsLeft: number;
  private readonly endMs: number;
  private readonly clock: IClock;

  constructor(clock: IClock, limits: IBudgetLimits = {}) {
    this.clock = clock;
    this.queriesMax = limits.queriesMax ?? budgetDefaults.queriesMax;
    this.addressLookupsLeft = limits.addressLookupsMax ?? budgetDefaults.addressLookupsMax;
    this.endMs = clock.monotonic() + (limits.timeoutMs ?? budgetDefaults.timeoutMs);
  }

  takeQuery(): boolean {
    if (this.leftMs() === 0 || this.queriesTaken >= this.queriesMax) return false;
    this.queriesTaken++;
    return true;
  }

  takeAddressLookup(): boolean {
    if (this.leftMs() === 0 || this.addressLookupsLeft === 0) return false;
    this.addressLookupsLeft--;
    return true;
  }

  giveBackAddressLookup(): void {
    this.addressLookupsLeft++;
  }

  leftMs(): number {
    return Math.max(0, this.endMs - this.clock.monotonic());
  }
}
