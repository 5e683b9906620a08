/** Refusals of texts that paths, queries and bodies carry. */
import type { IRefusal } from '../config/host-name.ts';
import type { IProblem } from '../core/errors.ts';
import { ApiError } from './api-error.ts';

/** Characters of a refused text that an answer repeats. */
const valueMax = 200;

/** A refusal as the problem of a place. */
export function problemAt(path: string, { problem, suggestion }: IRefusal, text: string): IProblem {
  const value = text.slice(0, valueMax);
  return { path, message: problem, value, ...(suggestion === undefined ? {} : { suggestion }) };
}

/**
 * What was read of a parameter.
 *
 * @param path name of the parameter.
 * @throws ApiError `REQUEST_INVALID` (400) when it was refused.
 */
export function parameterOf<T extends Buffer | number>(
  path: string,
  text: string,
  read: T | IRefusal,
): T {
  if (Buffer.isBuffer(read) || typeof read === 'number') return read as T;
  throw badParameter(path, text, read as IRefusal);
}

/** The refusal of a parameter. */
export function badParameter(path: string, text: string, refusal: IRefusal): ApiError {
  const problem = problemAt(path, refusal, text);
  return new ApiError('REQUEST_INVALID', `The ${path} is not valid: ${problem.message}`, {
    problems: [problem],
  });
}
