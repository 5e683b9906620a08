import { Expansion } from './expansion/index.ts';
import { ZoneSigning } from './signing/index.ts';
import type { IStageParts } from './stages.ts';

/** Expansion and signing as a router has them. */
export function makeStages(parts: IStageParts): { expansion: Expansion; signing: ZoneSigning } {
  return { expansion: new Expansion(parts), signing: new ZoneSigning(parts) };
}
