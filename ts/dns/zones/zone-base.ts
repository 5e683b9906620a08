import type { TRecordOrigin } from '../../../ts_interfaces/index.ts';
import { DcError, type IProblem } from '../../core/errors.ts';
import { recordType } from '../codec/types.ts';
import { checkZoneGently } from '../zone/check.ts';
import { runStepsGently } from '../zone/steps.ts';
import type { Zone } from '../zone/zone.ts';
import type { TRecordPlaces } from '../zone/zone-builder.ts';
import { ZoneProblems } from '../zone/zone-problem.ts';
import { digestInSteps } from './content-digest.ts';
import { Dynamics } from './dynamics.ts';
import { setKey } from './record-set.ts';
import type { IHealthRecordSet } from './stages.ts';

/** What a zone holds before anything was changed in it: of its file, an import or a transfer. */
export interface IZoneBase {
  readonly zone: Zone;
  /** Record sets by health, by `setKey`; `zone` has none of them. */
  readonly health: ReadonlyMap<string, IHealthRecordSet>;
  /** ALIAS and health record sets. */
  readonly dynamics: Dynamics;
  /** Of the content without its serial. */
  readonly digest: string;
  /** The serial that somebody chose; null: the SOA was made. */
  readonly ownSerial: number | null;
  /** Types at the apex that were made. */
  readonly made: ReadonlySet<number>;
  readonly origin: TRecordOrigin;
  readonly warnings: readonly string[];
  /** Somebody else has signed it. */
  readonly isPresigned: boolean;
}

/** What a base is made of. */
export interface IBaseParts {
  readonly zone: Zone;
  readonly health?: ReadonlyMap<string, IHealthRecordSet>;
  readonly made?: ReadonlySet<number>;
  readonly origin: TRecordOrigin;
  readonly warnings?: readonly string[];
  /** In place of the digest of the content. */
  readonly digest?: string;
}

/** Warnings of a load that are kept, the others are counted. */
const warningsMax = 20;

/**
 * Finds what the other parts want to know of a content, gently.
 *
 * @throws DcError `ZONE_INVALID` where ALIAS, health and other records do not fit together.
 */
export async function makeBase(parts: IBaseParts): Promise<IZoneBase> {
  const { zone, origin, health = new Map(), made = new Set(), warnings = [] } = parts;
  const dynamics = await runStepsGently(Dynamics.find(zone, health.values()));
  const problems = [...dynamics.conflicts(zone)].map(({ path, message }) => ({ path, message }));
  // What somebody else answers for is not ours to refuse.
  if (problems.length > 0 && origin !== 'transfer') {
    throw zoneInvalid('Cannot use this zone', problems);
  }
  return {
    zone,
    health,
    dynamics,
    digest: parts.digest ?? (await runStepsGently(digestInSteps(zone, health.values()))),
    ownSerial: made.has(recordType.SOA) ? null : zone.serial,
    made,
    origin,
    warnings,
    isPresigned: isPresigned(zone),
  };
}

/** Whether a zone comes with signatures of somebody else. */
export function isPresigned(zone: Zone): boolean {
  return zone.nodeOf('')?.signatures(recordType.SOA) !== undefined;
}

/**
 * Checks a zone that was loaded.
 *
 * @param place brings a problem into the form that is reported.
 * @returns the warnings, also those of `problems`, as texts.
 * @throws DcError `ZONE_INVALID` with every error.
 */
export async function checkLoaded(
  zone: Zone | null,
  problems: ZoneProblems,
  placeOf: TRecordPlaces,
  place: (problem: IProblem) => IProblem,
): Promise<{ zone: Zone; warnings: string[] }> {
  if (zone !== null) await checkZoneGently(zone, { placeOf, problems });
  if (zone === null || problems.errorCount > 0) {
    const errors = problems.kept.filter(({ severity }) => severity === 'error');
    throw zoneInvalid('Cannot use this zone', errors.map(withoutSeverity).map(place));
  }
  const warnings = problems.kept
    .filter(({ severity }) => severity === 'warning')
    .slice(0, warningsMax)
    .map((problem) => {
      const placed = { ...place(problem), severity: problem.severity };
      // The name of the file comes first anyhow.
      return ZoneProblems.format(placed.path === 'file' ? { ...placed, path: '' } : placed);
    });
  const left = problems.warningCount - warnings.length;
  return { zone, warnings: left > 0 ? [...warnings, `${left} more warnings`] : warnings };
}

function withoutSeverity({ severity: _, ...problem }: IProblem & { severity?: string }): IProblem {
  return problem;
}

/** The error of a zone that is not there. */
export function zoneUnknown(id: string): DcError {
  return new DcError('ZONE_UNKNOWN', `There is no zone "${id}"`);
}

/** A refusal that says the first problem, and has them all. */
export function zoneInvalid(message: string, problems: readonly IProblem[]): DcError {
  const [first] = problems;
  const place = first?.path ? `${first.path}: ` : '';
  const text = first === undefined ? message : `${message}: ${place}${first.message}`;
  return new DcError('ZONE_INVALID', text, { problems });
}

/** The error of a change that a zone refuses, with the code that changes of zones have. */
export function asZoneInvalid(error: unknown): unknown {
  if (!(error instanceof DcError) || error.code !== 'CONFIG_INVALID') return error;
  return zoneInvalid(error.message, error.problems);
}

/** The health record sets of a list, by key. */
export function healthByKey(sets: Iterable<IHealthRecordSet>): Map<string, IHealthRecordSet> {
  return new Map([...sets].map((set) => [setKey(set.name, set.type), set]));
}
