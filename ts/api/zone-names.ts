import type { IDnsOptions, IZoneOptions } from '../../ts_interfaces/index.ts';
import { checkZoneNames as findUnknownNames } from '../config/index.ts';
import { problemOf } from '../config/source.ts';
import { DcError } from '../core/errors.ts';
import { listNames } from '../net/client-set.ts';
import type { TLayers } from './state.ts';

/**
 * Checks the views, keys and address lists that a zone names.
 *
 * @throws DcError `ZONE_INVALID` when one is not there.
 */
export function checkZoneNames(
  zone: IZoneOptions,
  dns: Pick<IDnsOptions, 'keys' | 'views'> | undefined,
  lists: TLayers['access'],
): void {
  const findings = findUnknownNames({ ...zone }, [], {
    lists: new Set([...lists.entries()].map(([name]) => name)),
    keys: new Set(Object.keys(dns?.keys ?? {})),
    views: new Set(dns?.views?.map(({ name }) => name)),
  });
  const problems = findings.map((finding) => problemOf(finding, zone));
  const [first] = problems;
  if (first === undefined) return;
  const message = `Cannot use this zone: ${first.path}: ${first.message}`;
  throw new DcError('ZONE_INVALID', message, { problems });
}

/** Address lists that a zone names. */
export function listsInZone({
  transfer = [],
  notifyFrom = [],
  update = [],
}: IZoneOptions): string[] {
  const entries = [...transfer, ...notifyFrom, ...update.flatMap(({ from = [] }) => from)];
  return listNames(entries);
}
