import type { IZoneOptions } from '../../ts_interfaces/index.ts';
import { normalizeZoneName } from '../config/dns-name.ts';
import { parseZone } from '../config/parse.ts';
import { notAnObject } from './item-input.ts';
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
  return parseZone(id === undefined ? input : { ...nameAndView(id), ...input });
}

/** The name and view of an id. */
function nameAndView(id: string): { name: string; view?: string } {
  const at = id.lastIndexOf('@');
  return at === -1 ? { name: id } : { name: id.slice(0, at), view: id.slice(at + 1) };
}
