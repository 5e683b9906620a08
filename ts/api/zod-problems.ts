import type { z } from 'zod';
import { findingsOf } from '../config/issues.ts';
import { formatPath } from '../config/path.ts';
import type { IProblem } from '../core/errors.ts';

/**
 * What a schema refused, as problems, in the words of the configuration. Values are left out: they
 * may be secrets.
 */
export function problemsOfZod(
  schema: z.core.$ZodType,
  input: unknown,
  error: z.core.$ZodError,
  prefix = '',
): IProblem[] {
  return findingsOf(schema, input, error.issues).map(({ path, message, suggestion }) => ({
    path: formatPath(path, prefix),
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  }));
}
