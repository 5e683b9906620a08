import type { IPortProxySettings } from '../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../core/errors.ts';
import type { TJson } from '../storage/store.ts';
import { disable, goneFrom, type IPlan, leaveOut, problemsIn } from './rebase-layers.ts';
import type { ITcpChanges, ITcpTarget } from './types.ts';

/** The TCP entries of a rebase, whose ports have to be bound before the swap. */
export class TcpRebase {
  private readonly plan: IPlan<IPortProxySettings>;
  private set: readonly IPortProxySettings[];
  /** What the target has prepared; undefined: nothing, or not yet. */
  prepared: { value: unknown } | undefined;
  private readonly target: ITcpTarget;

  constructor(
    target: ITcpTarget,
    plan: IPlan<IPortProxySettings>,
    set: readonly IPortProxySettings[],
  ) {
    this.target = target;
    this.plan = plan;
    this.set = set;
  }

  /** What is to change. */
  get changes(): ITcpChanges {
    return { set: this.set, removed: goneFrom(this.plan) };
  }

  /**
   * Binds the ports.
   *
   * @param problems where to tell of entries of the base that are left out; null: none may be.
   */
  async prepare(problems: IProblem[] | null): Promise<void> {
    const { target } = this;
    if (this.isEmpty()) return;
    try {
      this.prepared = { value: await target.prepare(this.changes) };
    } catch (error) {
      if (!(await this.disableBroken(error, problems))) throw error;
      if (this.isEmpty()) return;
      this.prepared = { value: await target.prepare(this.changes) };
    }
  }

  /** Closes what was prepared and is not live. */
  async discard(): Promise<void> {
    const { prepared } = this;
    this.prepared = undefined;
    if (prepared !== undefined) await this.target.discard(prepared.value);
  }

  /** Makes it live. */
  swap(): void {
    const { prepared } = this;
    this.prepared = undefined;
    if (prepared !== undefined) this.target.apply(prepared.value);
    else if (!this.isEmpty()) throw new Error('TCP entries were not prepared before the swap');
  }

  private isEmpty(): boolean {
    const { set, removed } = this.changes;
    return set.length + removed.length === 0;
  }

  /** Tries the entries that may be left out one by one; false: none of them was at fault. */
  private async disableBroken(cause: unknown, baseProblems: IProblem[] | null): Promise<boolean> {
    const { target } = this;
    if (!(cause instanceof DcError)) throw cause;
    const overlay = this.plan.next.overlay();
    const broken = new Set<string>();
    for (const entry of this.set) {
      const isOverlay = overlay.get(entry.id) === entry;
      if (!isOverlay && baseProblems === null) continue;
      try {
        const changes = { set: [entry], removed: this.changes.removed };
        await target.discard(await target.prepare(changes));
      } catch (error) {
        const problems = problemsIn(error);
        broken.add(entry.id);
        if (isOverlay) disable(this.plan, entry.id, entry as unknown as TJson, problems);
        else leaveOut(this.plan, entry.id, problems, baseProblems ?? []);
      }
    }
    this.set = this.set.filter(({ id }) => !broken.has(id));
    return broken.size > 0;
  }
}
