import { DcError } from '../../core/errors.ts';
import { formatName, nameKey } from '../codec/name.ts';
import { describeSet, setKey, type TSetName } from './record-set.ts';
import type { ISource, ZoneContent } from './zone-content.ts';

/** All layers of a zone together. */
export interface IComposed extends ISource {
  /** Keys of the overlay that did not fit. */
  readonly leftOut: ReadonlySet<string>;
  /** What did not fit, for people. */
  readonly warnings: readonly string[];
}

/**
 * Lays what was changed over the base. What does not fit to this base is left out (it comes back
 * with another one): the zone is served in any case.
 *
 * @param content in which nothing is left out yet.
 */
export function compose(content: ZoneContent): IComposed {
  const { base } = content;
  const first: ISource = { zone: base.zone, dynamics: base.dynamics };
  const all = content.laidOver();
  const whole = attempt(content, first, all);
  if ('zone' in whole) return { ...whole, leftOut: new Set(), warnings: [] };

  // What is wrong is so at its owner: all others go together, those of bad owners one by one.
  const isBad = ({ name }: TSetName): boolean => whole.bad.has(nameKey(name));
  const together = attempt(
    content,
    first,
    all.filter((set) => !isBad(set)),
  );
  let source = 'zone' in together ? together : first;
  const singles = 'zone' in together ? all.filter(isBad) : all;
  const leftOut = new Set<string>();
  const warnings: string[] = [];
  for (const set of inOrder(content, singles)) {
    const one = attempt(content, source, [set]);
    if ('zone' in one) {
      source = one;
      continue;
    }
    leftOut.add(setKey(set.name, set.type));
    warnings.push(`${describeSet(set)} does not fit to the zone and is left out: ${one.message}`);
  }
  return { ...source, leftOut, warnings };
}

function attempt(
  content: ZoneContent,
  source: ISource,
  sets: readonly TSetName[],
): ISource | { bad: ReadonlySet<string>; message: string } {
  try {
    return content.withSets(source, sets);
  } catch (error) {
    if (!(error instanceof DcError) || error.code !== 'ZONE_INVALID') throw error;
    const owners = new Set(error.problems.map(({ path }) => path.split(' ')[0]));
    const bad = sets.filter(({ name }) => owners.has(formatName(name)));
    const message = error.problems[0]?.message ?? error.message;
    return { bad: new Set(bad.map(({ name }) => nameKey(name))), message };
  }
}

/** What takes records away comes first, so that what comes in their place fits. */
function inOrder(content: ZoneContent, sets: readonly TSetName[]): TSetName[] {
  const isRemoval = (set: TSetName): boolean => {
    const own = content.ownSet(set);
    return own === undefined || (own.rdatas.length === 0 && own.health === undefined);
  };
  return [...sets.filter(isRemoval), ...sets.filter((set) => !isRemoval(set))];
}
