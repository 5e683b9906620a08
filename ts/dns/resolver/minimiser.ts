import { labelCount, lastLabels, type TName } from '../codec/name.ts';
import { recordType } from '../codec/types.ts';

/** What the servers of a zone are asked on the way to a question. */
export interface IStep {
  readonly name: TName;
  readonly type: number;
  /** Whether it is the question itself. */
  readonly isFinal: boolean;
}

/** Hidden questions in all, and how many of the first ones add one label only: RFC 9156 §2.3. */
const stepsMax = 10;
const stepsOfOneLabel = 4;

/**
 * Tells each zone no more of the name than it needs for its referral (QNAME minimisation, RFC 9156):
 * one label more than the zone's own name, of type A, until the question itself is due.
 */
export class Minimiser {
  private readonly name: TName;
  private readonly type: number;
  private readonly total: number;
  private steps = 0;
  /** Labels that are known not to be cut off from the zone. */
  private shown = 0;
  private isOpen: boolean;

  /** @param isOpen whether all zones are asked the whole question. */
  constructor(name: TName, type: number, isOpen = false) {
    this.name = name;
    this.type = type;
    this.total = labelCount(name);
    this.isOpen = isOpen;
  }

  /** What to ask the servers of a zone next. */
  next(zone: TName): IStep {
    const known = Math.max(this.shown, labelCount(zone));
    const left = this.total - known;
    const isFinal = this.isOpen || left <= 1 || this.steps >= stepsMax;
    if (isFinal) return { name: this.name, type: this.type, isFinal: true };
    const stepsLeft = stepsMax - this.steps;
    const more = this.steps < stepsOfOneLabel ? 1 : Math.ceil(left / stepsLeft);
    const name = lastLabels(this.name, Math.min(known + more, this.total - 1));
    return { name, type: recordType.A, isFinal: false };
  }

  /** The step's name is in the zone that was asked, or a zone of its own was found. */
  advance(step: IStep): void {
    this.steps++;
    this.shown = Math.max(this.shown, labelCount(step.name));
  }

  /** A server is confused by the hidden question: from here on the whole one is asked. */
  giveUp(): void {
    this.isOpen = true;
  }
}
