import type { Zone } from '../zone/zone.ts';

/** Versions of a zone that are kept for incremental transfers. */
const versionsMax = 100;
/** Record sets that differ between them, in all. */
const changesMax = 100_000;

/** The versions of a zone that were served, the newest last. */
export class VersionHistory {
  private kept: { readonly zone: Zone; readonly changes: number }[] = [];
  private list: readonly Zone[] = [];

  /** From oldest to newest. */
  get versions(): readonly Zone[] {
    return this.list;
  }

  /**
   * Takes a version.
   *
   * @param changes record sets that differ from the one before; null: too many to lead from there
   *   to here.
   */
  push(zone: Zone, changes: number | null): void {
    if (this.kept.at(-1)?.zone.serial === zone.serial) this.kept.pop();
    else if (changes === null || changes > changesMax) this.kept = [];
    this.kept.push({ zone, changes: changes ?? 0 });
    let total = 0;
    let from = this.kept.length - 1;
    // The changes of a version lead to it from the one before.
    while (from > 0) {
      total += this.kept[from]?.changes ?? 0;
      if (total > changesMax || this.kept.length - from >= versionsMax) break;
      from--;
    }
    this.kept = this.kept.slice(from);
    this.list = this.kept.map((one) => one.zone);
  }

  /** Forgets all versions: of a signed zone there are none. */
  clear(): void {
    this.kept = [];
    this.list = [];
  }
}
