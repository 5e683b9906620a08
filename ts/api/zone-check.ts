import { formatName, lowerName } from '../dns/codec/name.ts';
import { checkZoneGently } from '../dns/zone/check.ts';
import { type ILoadOptions, loadZoneGently } from '../dns/zone/load-zone.ts';
import type { Zone } from '../dns/zone/zone.ts';
import type { IZoneProblem } from '../dns/zone/zone-problem.ts';

/** How a master file is checked. */
export interface IZoneCheckOptions extends ILoadOptions {
  /** The version whose serial it has to be above. @default none */
  readonly previous?: Zone | undefined;
}

/** What is wrong with a master file, and what is in it. */
export interface IZoneCheck {
  /** Name of the zone, with a trailing dot. */
  origin: string;
  /** Null: there is no zone to be made of it. */
  serial: number | null;
  records: number;
  /** Any keeps the zone from being served. */
  errors: number;
  warnings: number;
  /** The first 100 of each. */
  problems: readonly IZoneProblem[];
}

/**
 * Finds what named-checkzone and kzonecheck find in a master file: what keeps it from being served
 * (errors), and what somebody should look at (warnings). It never throws for what is wrong with the
 * file, and pauses every few milliseconds.
 */
export async function checkMasterFile(
  text: string | Buffer,
  options: IZoneCheckOptions,
): Promise<IZoneCheck & { zone: Zone | null }> {
  const { previous, ...how } = options;
  const { zone, problems, placeOf } = await loadZoneGently(text, how);
  if (zone !== null) {
    await checkZoneGently(zone, { placeOf, problems, ...(previous && { previous }) });
  }
  return {
    origin: formatName(lowerName(options.apex ?? options.origin)),
    serial: zone?.serial ?? null,
    records: zone?.recordCount ?? 0,
    errors: problems.errorCount,
    warnings: problems.warningCount,
    problems: problems.kept,
    zone,
  };
}
