import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import type { IProblem } from '../core/errors.ts';
import { Slices } from '../core/slices.ts';
import type { TJson } from '../storage/store.ts';
import { disable, goneFrom, type IPlan, leaveOut, problemsIn } from './rebase-layers.ts';
import type { IZoneChanges, IZoneTarget } from './types.ts';

/** Zones that are loaded at once: they wait for the disk together. */
const atOnceMax = 16;

/** The zones of a rebase, which have to be loaded before the swap: each one by itself. */
export class ZoneRebase {
  private readonly target: IZoneTarget;
  private readonly plan: IPlan<IZoneOptions>;
  private readonly set: readonly [string, IZoneOptions][];
  private prepared: unknown[] = [];

  /** @param set those that are new or changed, by id. */
  constructor(
    target: IZoneTarget,
    plan: IPlan<IZoneOptions>,
    set: readonly [string, IZoneOptions][],
  ) {
    this.target = target;
    this.plan = plan;
    this.set = set;
  }

  /** What is to change, without zones that `prepare` left out. */
  get changes(): IZoneChanges {
    const { next } = this.plan;
    const set = this.set.flatMap(([id, zone]) => (next.get(id)?.value === zone ? [zone] : []));
    return { set, removed: goneFrom(this.plan) };
  }

  /**
   * Loads the zones. One of the overlay that cannot be had is disabled, one of the base is left out.
   *
   * @param problems where to tell of zones of the base that are left out.
   */
  async prepare(problems: IProblem[]): Promise<void> {
    const { target, plan } = this;
    const overlay = plan.next.overlay();
    const waiting = this.set.values();
    const failed: { id: string; zone: IZoneOptions; found: readonly IProblem[] }[] = [];
    const slices = new Slices();
    const work = async (): Promise<void> => {
      for (const [id, zone] of waiting) {
        if (slices.isOver) await slices.rest();
        try {
          this.prepared.push(await target.prepare({ set: [zone], removed: [] }));
        } catch (error) {
          failed.push({ id, zone, found: problemsIn(error) });
        }
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: atOnceMax }, work));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    const order = new Map(this.set.map(([id], at) => [id, at] as const));
    failed.sort((one, other) => (order.get(one.id) ?? 0) - (order.get(other.id) ?? 0));
    for (const { id, zone, found } of failed) {
      if (overlay.get(id) === zone) disable(plan, id, zone as unknown as TJson, found);
      else leaveOut(plan, id, found, problems);
    }
    const { removed } = this.changes;
    if (removed.length > 0) this.prepared.push(await target.prepare({ set: [], removed }));
  }

  /** Gives back what was prepared and is not live. */
  async discard(): Promise<void> {
    for (const one of this.prepared.splice(0)) await this.target.discard(one);
  }

  /** Answers for them. */
  swap(): void {
    for (const one of this.prepared.splice(0)) this.target.apply(one);
  }
}
