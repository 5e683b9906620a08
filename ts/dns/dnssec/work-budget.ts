/** What the validation of one answer may cost, from the question to the trust anchor. */
export interface IWorkLimits {
  /** Signatures checked. @default 128 */
  readonly verifications: number;
  /** Signatures checked in vain. @default 16 */
  readonly failures: number;
  /** NSEC3 hashes made. @default 256 */
  readonly hashes: number;
  /** DS and DNSKEY rrsets asked for. @default 64 */
  readonly fetches: number;
}

const defaults: IWorkLimits = { verifications: 128, failures: 16, hashes: 256, fetches: 64 };

/**
 * Bounds the work that a hostile zone can cause (KeyTrap: CVE-2023-50387, CVE-2023-50868).
 *
 * One budget serves one question, with everything that has to be fetched and checked for it.
 */
export class WorkBudget {
  private readonly left: Record<keyof IWorkLimits, number>;

  constructor(limits: Partial<IWorkLimits> = {}) {
    this.left = { ...defaults, ...limits };
  }

  /** Takes one of a kind; false when none is left. */
  take(kind: keyof IWorkLimits): boolean {
    this.left[kind]--;
    return this.left[kind] >= 0;
  }

  /** Whether anything was refused. */
  get isSpent(): boolean {
    return Object.values(this.left).some((left) => left < 0);
  }
}
