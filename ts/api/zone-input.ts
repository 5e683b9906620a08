import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import { normalizeZoneName } from '../config/dns-name.ts';
import { parseZone } from '../config/parse.ts';
import { nameAndViewOf } from '../config/zone-ids.ts';
import { notAnObject, refused } from './item-input.ts';
import { isObject } from './merge-patch.ts';

/** How messages speak of zones. */
export const zoneWords = { noun: 'zone', nameOf: 'name', invalid: 'ZONE_INVALID' } as const;

/** Longest text that stands for a zone. */
const selectorMax = 1_200;

/**
 * The id of the zone that a text stands for: `example.com`, or `example.com@internal` with a view;
 * case, a trailing dot and Unicode do not matter.
 *
 * @returns the text itself when it cannot be a zone's: there is none of that id.
 */
export function zoneIdOfText(text: string): string {
  if (text.length > selectorMax) return text;
  const [, name = '', view] = /^([^@]*)(@.+)?$/s.exec(text) ?? [];
  const normal = normalizeZoneName(name);
  return typeof normal === 'string' ? normal + (view ?? '') : text;
}

/**
 * Makes a zone of what a client sent.
 *
 * @param id that the address names; its name and view are taken where the input has none.
 * @throws DcError `ZONE_INVALID` with every problem.
 */
export function parseZoneInput(input: unknown, id: string | undefined): IZoneOptions {
  if (!isObject(input)) throw notAnObject(zoneWords);
  return parseZone(id === undefined ? input : { ...nameAndViewOf(id), ...input });
}

/**
 * Refuses a `file` but that which the configuration file names for the zone: what cannot be read of it
 * stands in the refusal, and whoever may change zones may not read the router's files.
 *
 * @param base the zone of the configuration file.
 * @throws DcError `ZONE_INVALID`
 */
export function checkZoneFile({ file }: IZoneOptions, base: IZoneOptions | undefined): void {
  if (file === undefined || file === base?.file) return;
  const message = 'Must be absent: a file can be named in the configuration file alone';
  throw refused(zoneWords, 'file', message);
}
