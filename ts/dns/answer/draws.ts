import { nameKey, type TName } from '../codec/name.ts';
import type { TLookup } from '../zone/lookup.ts';
import type { IRrset } from '../zone/owner-data.ts';

/** How addresses of a record set are drawn for each answer. */
export interface IDraw {
  /** In wire form, in lower case; of a wildcard its own owner, `*.…`. */
  readonly name: Buffer;
  readonly type: number;
  /**
   * As many as there are addresses, in the order of the rrset's rdatas. What has no weight (0, or
   * none in the list) comes last.
   */
  readonly weights: readonly number[];
  /** Addresses in an answer; 0: all. */
  readonly answers: number;
  /** Nothing lives and that is to be said: SERVFAIL. The zone may have no such rrset then. */
  readonly isFailed: boolean;
}

/** Gives a number from 0 to below 1, as `Math.random` does. */
export type TRandom = () => number;

/** The draws of one version of a zone, found by owner and type. */
export class Draws {
  private readonly byOwner = new Map<string, IDraw>();
  private readonly failedOwners = new Set<string>();

  private constructor(draws: readonly IDraw[]) {
    for (const draw of draws) {
      const owner = nameKey(draw.name);
      this.byOwner.set(keyOf(owner, draw.type), draw);
      if (draw.isFailed) this.failedOwners.add(owner);
    }
  }

  /** Null when there are none: zones without draws pay nothing. */
  static of(draws: readonly IDraw[]): Draws | null {
    return draws.length === 0 ? null : new Draws(draws);
  }

  /** @param owner in any case; of what a wildcard gave, the wildcard's own. */
  find(owner: TName, type: number): IDraw | undefined {
    return this.byOwner.get(keyOf(nameKey(owner), type));
  }

  /**
   * Whether it has to be said that the answer is not known. Where something is denied at a name
   * whose addresses are not known, a signed denial would also prove that there are none (RFC 8198).
   */
  isUnknown(name: TName, type: number, found: TLookup, signed: boolean): boolean {
    if (this.failedOwners.size === 0) return false;
    if (found.kind !== 'answer' && found.kind !== 'nodata') return false;
    const owner = found.wildcard ?? name;
    if (found.kind === 'nodata') {
      if (!this.failedOwners.has(nameKey(owner))) return false;
      return signed || this.find(owner, type)?.isFailed === true;
    }
    return found.rrsets.some((rrset) => this.find(owner, rrset.type)?.isFailed === true);
  }
}

/** An rrset that was drawn: what is signed, and in which order it is answered. */
export interface IDrawnRrset {
  /** With the rdatas in canonical order, as the signer wants it; the rrset itself when it is whole. */
  readonly signed: IRrset;
  /** The same records in the order that was drawn. */
  readonly answered: IRrset;
}

/** Draws the records of an answer by weight, without putting any back. */
export function drawn(rrset: IRrset, { weights, answers }: IDraw, random: TRandom): IDrawnRrset {
  const { rdatas } = rrset;
  const order = orderByWeight(rdatas.length, weights, random);
  if (answers === 0 || answers >= order.length) {
    return { signed: rrset, answered: withRdatas(rrset, order) };
  }
  const chosen = order.slice(0, answers);
  const inOrder = [...chosen].sort((one, other) => one - other);
  const signed = { ...withRdatas(rrset, inOrder), isPart: true };
  return { signed, answered: withRdatas(rrset, chosen) };
}

/**
 * The first of all is each with the chance of its weight, the second of what remains, and so on:
 * Efraimidis and Spirakis, `random^(1/weight)` in descending order.
 */
function orderByWeight(count: number, weights: readonly number[], random: TRandom): number[] {
  const keys = Array.from({ length: count }, (_, index) => {
    const weight = weights[index] ?? 0;
    // From 0 to below 1: its logarithm is taken of what is above 0.
    const waited = -Math.log(1 - random());
    return weight > 0 ? waited / weight : Number.MAX_VALUE * (1 - random() / 2);
  });
  const order = Array.from({ length: count }, (_, index) => index);
  return order.sort((one, other) => (keys[one] as number) - (keys[other] as number));
}

function withRdatas(rrset: IRrset, order: readonly number[]): IRrset {
  return { ...rrset, rdatas: order.map((index) => rrset.rdatas[index] as Buffer) };
}

function keyOf(owner: string, type: number): string {
  return `${type}/${owner}`;
}
