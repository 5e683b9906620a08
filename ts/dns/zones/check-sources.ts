import type { IZoneOptions } from '../../../ts_interfaces/index.ts';
import { zoneIdOf } from '../../config/index.ts';
import { DcError, type IProblem } from '../../core/errors.ts';
import { parseName } from '../codec/name.ts';
import { loadSource } from './zone-source.ts';

/**
 * Loads the zones of a configuration from their files and records, one after the other, and keeps
 * nothing of them.
 *
 * @param zones as `parseZone` makes them.
 * @param baseFolder that `file` is relative to.
 * @returns what would keep a zone from being served, at `zones[ID].…`.
 */
export async function checkSources(
  zones: readonly IZoneOptions[],
  baseFolder: string,
): Promise<IProblem[]> {
  const problems: IProblem[] = [];
  for (const zone of zones) {
    if (zone.primaries !== undefined) continue;
    const prefix = `zones[${zoneIdOf(zone)}]`;
    try {
      const apex = parseName(zone.name);
      await loadSource(apex, zone, { baseFolder, nowMs: Date.now() });
    } catch (error) {
      if (!(error instanceof DcError)) throw error;
      const found =
        error.problems.length > 0 ? error.problems : [{ path: '', message: error.message }];
      for (const problem of found) {
        problems.push({
          ...problem,
          path: problem.path === '' ? prefix : `${prefix}.${problem.path}`,
        });
      }
    }
  }
  return problems;
}
