import type { IClock } from '../../core/clock.ts';
import type { EventBus } from '../../core/event-bus.ts';
import type { ILogger } from '../../core/logger.ts';
import type { GroupedWriter } from './grouped-writer.ts';
import type { OwnedRecords } from './owned-records.ts';
import type { RecordOverlay } from './record-overlay.ts';
import type { IStages } from './stages.ts';
import type { ZoneIndex } from './zone-index.ts';
import type { IZoneState } from './zone-state.ts';
import type { ZoneTexts } from './zone-texts.ts';

/** What the parts of the book share. */
export interface IBookParts {
  readonly bus: EventBus;
  readonly logger: ILogger;
  readonly clock: IClock;
  readonly writer: GroupedWriter;
  readonly texts: ZoneTexts;
  readonly stages: IStages;
  readonly index: ZoneIndex;
  readonly owned: OwnedRecords;
  /** By zone, also of zones that are not there now. */
  readonly overlays: Map<string, RecordOverlay>;
  /** By zone, of those that are not there now. */
  readonly states: Map<string, IZoneState>;
  /** Folder that `file` is relative to. */
  readonly baseFolder: () => string;
}
