import type { IProblem } from '../../core/errors.ts';

/** Problems of which each is kept; further ones are only counted. */
export const zoneProblemsMax = 100;

/**
 * Something about a zone or its file. An error keeps the zone from being served; a warning does
 * not. `path` is the owner and, where known, the type: `www.example.org. CNAME`.
 */
export interface IZoneProblem extends IProblem {
  severity: TSeverity;
}

/** Whether a zone is served in spite of the problem. */
export type TSeverity = 'error' | 'warning';

/** Problems in the order in which they were found; of a flood only the first are kept. */
export class ZoneProblems {
  /** The first `zoneProblemsMax` errors and as many warnings. */
  readonly kept: IZoneProblem[] = [];
  private readonly counts = { error: 0, warning: 0 };

  /** Errors, kept or not. */
  get errorCount(): number {
    return this.counts.error;
  }

  /** Warnings, kept or not. */
  get warningCount(): number {
    return this.counts.warning;
  }

  /** @param describe is asked only while there is room: to find a line takes a while. */
  add(severity: TSeverity, describe: () => Omit<IZoneProblem, 'severity'>): void {
    if (++this.counts[severity] <= zoneProblemsMax) this.kept.push({ severity, ...describe() });
  }

  /** What a person reads of one: `zones/a.zone:3:7: error: www.example.org. A: Expected …`. */
  static format(problem: IZoneProblem): string {
    const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined);
    const hint = problem.suggestion === undefined ? '' : `; did you mean "${problem.suggestion}"?`;
    const start = problem.file === undefined && problem.line !== undefined ? 'line ' : '';
    const parts = [start + place.join(':'), problem.severity, problem.path, problem.message + hint];
    return parts.filter((part) => part !== '').join(': ');
  }
}
