/** What a master file may ask of us. */
export interface IMasterFileLimits {
  /** Records in all, generated and included ones too. @default 10_000_000 */
  readonly recordsMax: number;
  /**
   * Records that `$GENERATE` makes in all: forty bytes could ask for millions. @default 200_000
   * without `readInclude`, else as many as there may be
   */
  readonly generatedMax: number;
  /** Files within files. @default 16 */
  readonly includeDepthMax: number;
  /** `$INCLUDE` in all. @default 10_000 */
  readonly includesMax: number;
  /** Bytes of one file. @default 400_000_000 */
  readonly fileBytesMax: number;
}

/** Bytes of one file: a text has no more than some 500 million characters. */
export const fileBytesMax = 400_000_000;

const strangersGeneratedMax = 200_000;

/**
 * The limits, with those that are not given.
 *
 * @param isOurs who runs the server has written it: it may include files.
 */
export function limitsFor(
  isOurs: boolean,
  limits: Partial<IMasterFileLimits> = {},
): IMasterFileLimits {
  return {
    recordsMax: 10_000_000,
    generatedMax: isOurs ? Number.POSITIVE_INFINITY : strangersGeneratedMax,
    includeDepthMax: 16,
    includesMax: 10_000,
    fileBytesMax,
    ...limits,
  };
}
