/**
 * When keys come and go: RFC 7583. Zone signing keys are published before they sign (§3.2.1), keys
 * that the parent points to sign beside their predecessor until the parent points to them
 * (Double-KSK, §3.3.1).
 *
 * All of it is arithmetic on times in seconds since the epoch: `KeyManager` owns keys, clock and
 * disk.
 */

/** What a key is for: the DS of the parent, the records of the zone, or both. */
export type TKeyRole = 'ksk' | 'zsk' | 'csk';

/** Where a key is in its life. After its end it is deleted, the private key with it. */
export type TKeyState =
  /** Made and kept, not in the zone yet. */
  | 'generated'
  /** In the DNSKEY rrset; others cannot rely on it yet, or the parent does not point to it. */
  | 'published'
  /** In use: it signs the zone, or the parent points to it. */
  | 'active'
  /** Replaced, and still in the DNSKEY rrset for whoever has old records. */
  | 'retired';

/** How a zone's keys are kept. All times are seconds. */
export interface IKeyPolicy {
  /**
   * 13 (ECDSA P-256) or 15 (Ed25519). A zone that has keys stays with their algorithm. @default 13
   */
  readonly algorithm?: number;
  /** One key for all, or a KSK and a ZSK. @default 'csk' */
  readonly scheme?: 'csk' | 'ksk-zsk';
  /** Age at which a ZSK is replaced; 0: never. @default 7776000, i.e. 90 days */
  readonly zskLifetimeS?: number;
  /** Age at which a KSK or CSK is replaced; 0: only when somebody asks for it. @default 0 */
  readonly kskLifetimeS?: number;
  /** TTL of DNSKEY, CDS and CDNSKEY. @default 3600 */
  readonly dnskeyTtlS?: number;
  /** The longest TTL in the zone. @default 86400 */
  readonly zoneTtlMaxS?: number;
  /** Until every server of the zone has a change. @default 300 */
  readonly propagationS?: number;
  /** TTL of the DS in the parent. @default 86400 */
  readonly dsTtlS?: number;
  /** Until every server of the parent has a change. @default 3600 */
  readonly parentPropagationS?: number;
  /** Added to every wait. @default 3600 */
  readonly safetyS?: number;
}

/** The default of every choice. */
export const defaultKeyPolicy: Required<IKeyPolicy> = Object.freeze({
  algorithm: 13,
  scheme: 'csk',
  zskLifetimeS: 90 * 86_400,
  kskLifetimeS: 0,
  dnskeyTtlS: 3600,
  zoneTtlMaxS: 86_400,
  propagationS: 300,
  dsTtlS: 86_400,
  parentPropagationS: 3600,
  safetyS: 3600,
});

/** The life of one key so far; null: not yet. Seconds since the epoch. */
export interface IKeyLife {
  readonly id: string;
  readonly role: TKeyRole;
  readonly generatedS: number;
  publishedS: number | null;
  /** It signs the zone's records (ZSK, CSK). */
  signingS: number | null;
  /** Another signs the zone's records in its place. */
  signingEndS: number | null;
  /** CDS and CDNSKEY ask the parent to point to it (KSK, CSK). */
  submittedS: number | null;
  /** The parent's DS was seen to point to it. */
  dsSeenS: number | null;
  /** Its successor's DS was seen. */
  dsEndS: number | null;
  /** Somebody asked for a successor. */
  rollAskedS: number | null;
}

/** What to do now. */
export interface ISchedule {
  /** Keys to be made and published. */
  readonly needed: readonly TKeyRole[];
  /** Keys to be removed, by id. */
  readonly removable: readonly string[];
  /** When to look again; Infinity: only when something happens. */
  readonly nextS: number;
}

/** A key that has just been made. */
export function newKeyLife(id: string, role: TKeyRole, nowS: number): IKeyLife {
  return {
    id,
    role,
    generatedS: nowS,
    publishedS: null,
    signingS: null,
    signingEndS: null,
    submittedS: null,
    dsSeenS: null,
    dsEndS: null,
    rollAskedS: null,
  };
}

/** Where a key is in its life. */
export function stateOf(life: IKeyLife): TKeyState {
  if (life.publishedS === null) return 'generated';
  if (life.role === 'zsk') {
    if (life.signingS === null) return 'published';
    return life.signingEndS === null ? 'active' : 'retired';
  }
  if (life.dsEndS !== null) return 'retired';
  return life.dsSeenS === null ? 'published' : 'active';
}

/** Whether a successor of the role's key can be asked for: none is under way. */
export function mayRoll(lives: readonly IKeyLife[], role: TKeyRole): boolean {
  if (role === 'zsk') return lives.every((life) => life.role === 'ksk' || life.signingS !== null);
  const entries = lives.filter((life) => isEntry(life) && life.dsEndS === null);
  return entries.length === 1;
}

/** Whether it signs the zone's records. */
export function signsZone({ signingS, signingEndS }: IKeyLife): boolean {
  return signingS !== null && signingEndS === null;
}

/** Whether the parent is to point to it, or does. */
export function isEntry({ role }: IKeyLife): boolean {
  return role !== 'zsk';
}

/** Moves the keys' lives on to `nowS`, in place, and says what is to be done. */
export function advance(
  lives: readonly IKeyLife[],
  policy: Required<IKeyPolicy>,
  nowS: number,
): ISchedule {
  const waits = waitsOf(policy);
  const due = new DueTime(nowS);
  const needed = new Set<TKeyRole>();
  for (const life of lives) life.publishedS ??= nowS;
  advanceSigning(lives, policy, waits, due, needed);
  advanceEntry(lives, policy, waits, due, needed);
  const removable = lives.filter((life) => isOver(life, waits, due)).map(({ id }) => id);
  return { needed: [...needed], removable, nextS: due.nextS };
}

/** The waits of RFC 7583 §3, with the margin. */
function waitsOf(policy: Required<IKeyPolicy>) {
  const { propagationS, safetyS, dnskeyTtlS, zoneTtlMaxS, dsTtlS, parentPropagationS } = policy;
  return {
    /** Until everybody has the new DNSKEY rrset (I_pub). */
    publishS: propagationS + dnskeyTtlS + safetyS,
    /** Until nobody has records from before the zone was signed. */
    firstS: propagationS + Math.max(dnskeyTtlS, zoneTtlMaxS) + safetyS,
    /** Until nobody has signatures of a former key (I_ret of a ZSK). */
    retireS: propagationS + zoneTtlMaxS + safetyS,
    /** Until nobody has the former DS (I_ret of a KSK). */
    dsRetireS: parentPropagationS + dsTtlS + safetyS,
  };
}

type TWaits = ReturnType<typeof waitsOf>;

/** Asks whether times have come, and remembers the next that has not. */
class DueTime {
  nextS = Number.POSITIVE_INFINITY;
  readonly nowS: number;

  constructor(nowS: number) {
    this.nowS = nowS;
  }

  has(timeS: number): boolean {
    if (this.nowS >= timeS) return true;
    this.nextS = Math.min(this.nextS, timeS);
    return false;
  }
}

/** Which key signs the zone. */
function advanceSigning(
  lives: readonly IKeyLife[],
  policy: Required<IKeyPolicy>,
  waits: TWaits,
  due: DueTime,
  needed: Set<TKeyRole>,
): void {
  const role = policy.scheme === 'csk' ? 'csk' : 'zsk';
  const able = lives.filter((life) => life.role !== 'ksk');
  const current = able.find(signsZone);
  if (current === undefined) {
    const first = able.find(({ signingEndS }) => signingEndS === null);
    if (first === undefined) needed.add(role);
    else first.signingS = due.nowS;
    return;
  }
  const successor = able.find(({ signingS }) => signingS === null);
  if (successor !== undefined) {
    const isReady = due.has((successor.publishedS ?? due.nowS) + waits.publishS);
    if (!isReady || !isOldEnough(current, successor, policy, due)) return;
    successor.signingS = due.nowS;
    current.signingEndS = due.nowS;
    return;
  }
  // The successor of a CSK comes with that of its DS, unless that one is a KSK only.
  const isLeaving = isEntry(current) && current.dsEndS !== null;
  const isOld = current.role === 'zsk' && wantsSuccessor(current, policy, waits, due);
  if (isLeaving || isOld) needed.add(role);
}

/** A ZSK serves its time; with CSKs, the new one signs as soon as everybody can have it. */
function isOldEnough(
  current: IKeyLife,
  successor: IKeyLife,
  { zskLifetimeS }: Required<IKeyPolicy>,
  due: DueTime,
): boolean {
  if (current.role !== 'zsk' || successor.role !== 'zsk' || current.rollAskedS !== null)
    return true;
  return zskLifetimeS === 0 || due.has((current.signingS ?? due.nowS) + zskLifetimeS);
}

/** Which key the parent shall point to. */
function advanceEntry(
  lives: readonly IKeyLife[],
  policy: Required<IKeyPolicy>,
  waits: TWaits,
  due: DueTime,
  needed: Set<TKeyRole>,
): void {
  const role = policy.scheme === 'csk' ? 'csk' : 'ksk';
  const entries = lives.filter((life) => isEntry(life) && life.dsEndS === null);
  const newest = entries.at(-1);
  if (newest === undefined) {
    needed.add(role);
    return;
  }
  const isFirst = entries.length === 1;
  const waitS = isFirst ? waits.firstS : waits.publishS;
  if (newest.submittedS === null && due.has((newest.publishedS ?? due.nowS) + waitS)) {
    newest.submittedS = due.nowS;
  }
  if (newest.dsSeenS !== null) {
    // Whoever made the DS by hand was faster; from now on CDS says the same as the parent.
    newest.submittedS ??= newest.dsSeenS;
    for (const former of entries) if (former !== newest) former.dsEndS = newest.dsSeenS;
    if (wantsSuccessor(newest, policy, waits, due)) needed.add(role);
    return;
  }
  // A successor is under way, or the parent knows none yet: only the former can be asked to go.
  if (isFirst && newest.rollAskedS !== null) needed.add(role);
}

function wantsSuccessor(
  life: IKeyLife,
  { zskLifetimeS, kskLifetimeS }: Required<IKeyPolicy>,
  { publishS }: TWaits,
  due: DueTime,
): boolean {
  if (life.rollAskedS !== null) return true;
  const lifetimeS = life.role === 'zsk' ? zskLifetimeS : kskLifetimeS;
  const sinceS = (life.role === 'zsk' ? life.signingS : life.dsSeenS) ?? due.nowS;
  return lifetimeS > 0 && due.has(sinceS + Math.max(0, lifetimeS - publishS));
}

/** Whether nobody can need the key any more. */
function isOver(life: IKeyLife, { retireS, dsRetireS }: TWaits, due: DueTime): boolean {
  if (isEntry(life)) {
    if (life.dsEndS === null || !due.has(life.dsEndS + dsRetireS)) return false;
    if (life.signingS === null) return true;
  }
  return life.signingEndS !== null && due.has(life.signingEndS + retireS);
}
