import type { IDcRouterOptions } from '../../ts_interfaces/index.ts';
import type { IReadConfig } from '../config/config-file.ts';
import type { IProblem } from '../core/errors.ts';
import type { HandOverSide } from './hand-over-side.ts';

/** What a DcRouter knows of the process that runs it. */
export interface IDcRouterContext {
  /** File that `reload()` reads again; the options are what it said. */
  configFile?: string;
  /** Options in place of what the file lacks. @default none */
  defaults?: IDcRouterOptions;
  /** Options that win over the file's, e.g. from the command line. @default none */
  overrides?: IDcRouterOptions;
  /** What was wrong with the file's items that were left out. @default none */
  problems?: readonly IProblem[];
  /** Routes of the file that were left out, as they were given; their requests get 503. @default none */
  leftOutRoutes?: readonly unknown[];
  /** Any problem refuses a start too, as it refuses a reload. @default false: the item is left out */
  strict?: boolean;
  /** Called at a start, when all is loaded and nobody is served yet. @default nothing is done */
  onLoaded?: () => void;
  /** Begins to hand the ports over to a new process. @default it cannot be done */
  handOver?: (side: HandOverSide) => Promise<{ pid: number }>;
}

/** A configuration that is to be put in force. */
export interface ICandidate extends Omit<IReadConfig, 'file'> {
  /** null: it was given by code. */
  file: IReadConfig['file'] | null;
  /** Any problem refuses the whole; else the first start goes on without items that have one. */
  strict: boolean;
}
