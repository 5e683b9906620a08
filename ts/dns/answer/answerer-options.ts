import { randomBytes } from 'node:crypto';
import { type IClock, systemClock } from '../../core/clock.ts';
import { cookieSecretBytes } from '../codec/cookie.ts';
import { udpSizeDefault } from '../codec/edns.ts';
import type { IAnswerCacheLimits } from './answer-cache.ts';
import type { TRandom } from './draws.ts';
import type { IForeignAnswers } from './foreign-answers.ts';
import type { ISpecialQueries } from './special-queries.ts';

/** How questions are answered. */
export interface IAnswererOptions {
  /** Longest answer by UDP in bytes, and the size that we announce; 512 to 4096. @default 1232 */
  readonly udpSizeMax?: number;
  /** Our name for whoever asks by NSID, up to 128 bytes; null: we tell none. @default null */
  readonly nsid?: Buffer | null;
  /**
   * Secrets of the cookies, 16 bytes each: the first one makes, all are taken. None: no cookies.
   * All servers behind one address have to share them. @default a random one
   */
  readonly cookieSecrets?: readonly Buffer[];
  /** Addresses only where a client cannot go on without them. @default false */
  readonly minimalResponses?: boolean;
  /** What a client by TCP that asks is told (RFC 7828); null: nothing. @default null */
  readonly idleTimeoutMs?: number | null;
  /** Answers transfers, notifications and updates; null: they are refused. @default null */
  readonly special?: ISpecialQueries | null;
  /** Answers names that are not ours; null: they are refused. @default null */
  readonly foreign?: IForeignAnswers | null;
  readonly cache?: IAnswerCacheLimits;
  readonly clock?: IClock;
  /** For what is drawn by weight. @default Math.random */
  readonly random?: TRandom;
}

/** With all that was left out. */
export type TAnswererOptions = Required<Omit<IAnswererOptions, 'cache'>>;

/** The names of servers that NSID may tell are kept short, so that a question always fits. */
const nsidBytesMax = 128;
/** Every client takes that much by UDP. */
export const udpSizeMin = 512;
const udpSizeLimit = 4096;

/** The options with their defaults. @throws RangeError for a size, name or secret out of its bounds. */
export function withDefaults(given: Omit<IAnswererOptions, 'cache'>): TAnswererOptions {
  const options: TAnswererOptions = {
    udpSizeMax: udpSizeDefault,
    nsid: null,
    cookieSecrets: [randomBytes(cookieSecretBytes)],
    minimalResponses: false,
    idleTimeoutMs: null,
    special: null,
    foreign: null,
    clock: systemClock,
    random: Math.random,
    ...given,
  };
  checkOptions(options);
  return options;
}

function checkOptions(options: TAnswererOptions): void {
  const { udpSizeMax, nsid, cookieSecrets } = options;
  if (!(udpSizeMax >= udpSizeMin && udpSizeMax <= udpSizeLimit)) {
    throw new RangeError(`Expected a UDP size of 512 to 4096 bytes, found ${udpSizeMax}`);
  }
  if (nsid !== null && nsid.length > nsidBytesMax) {
    throw new RangeError(`Expected an NSID of at most ${nsidBytesMax} bytes`);
  }
  if (cookieSecrets.some(({ length }) => length !== cookieSecretBytes)) {
    throw new RangeError(`Expected cookie secrets of ${cookieSecretBytes} bytes`);
  }
}
