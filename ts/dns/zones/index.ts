/**
 * The zones that are hosted.
 *
 * What a zone holds comes in layers: its base (`zone-source.ts`: file and records of the
 * configuration; or an import; or a transfer), record sets that were changed over it
 * (`record-overlay.ts`), records with owners (`owned-records.ts`); `zone-content.ts` lays them
 * together. Expansion and signing (`stages.ts`) make of it what is answered, under a serial
 * (`served-serial.ts`) that is stored before anybody sees it (`zone-publisher.ts`).
 */
export { DNSManager, type IChallenge, type IDnsManagerOptions, txtData } from './dns-manager.ts';
export type * from './types.ts';
export {
  type IPreparedZones,
  type IZoneBookChanges,
  type IZoneBookOptions,
  ZoneBook,
} from './zone-book.ts';
export { loadSource } from './zone-source.ts';
