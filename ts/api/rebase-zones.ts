import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import type { IProblem } from '../core/errors.ts';
import type { TJson } from '../storage/store.ts';
import { disable, goneFrom, type IPlan, leaveOut, problemsIn } from './rebase-layers.ts';
import type { IZoneChanges, IZoneTarget } from './types.ts';

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
    for (const [id, zone] of this.set) {
      try {
        this.prepared.push(await target.prepare({ set: [zone], removed: [] }));
      } catch (error) {
        const found = problemsIn(error);
        if (overlay.get(id) === zone) disable(plan, id, zone as unknown as TJson, found);
        else leaveOut(plan, id, found, problems);
      }
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
