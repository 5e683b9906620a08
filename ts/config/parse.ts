import type { z } from 'zod';
import type { ICertificateOptions } from '../../ts_interfaces/data/certificate.ts';
import type { Backend, RouteConfig } from '../../ts_interfaces/data/route.ts';
import { DcError, type IProblem, type TErrorCode } from '../core/errors.ts';
import { deepFreeze } from './freeze.ts';
import { findingsOf, type IFinding } from './issues.ts';
import { backendSchema } from './schema-backend.ts';
import { certificateSchema } from './schema-options.ts';
import { routeSchema } from './schema-route.ts';
import { problemOf } from './source.ts';

/**
 * Checks a route and fills in its required fields; optional ones that are absent stay absent.
 *
 * The vHost comes back in its normal form (lower case, IDN as punycode, no trailing dot), and every
 * backend has an id. The result is frozen and shares nothing mutable with the input.
 *
 * @param pathPrefix stands before the path of each problem, e.g. `web.routes[3]`.
 * @throws DcError `ROUTE_INVALID` with every problem.
 */
export function parseRoute(input: unknown, pathPrefix = ''): RouteConfig {
  return parseItem(routeSchema, input, 'ROUTE_INVALID', 'route', pathPrefix);
}

/**
 * Checks a certificate's form; whether its key fits and it is valid now is not looked at.
 *
 * @throws DcError `CERTIFICATE_INVALID` with every problem.
 */
export function parseCertificate(input: unknown, pathPrefix = ''): ICertificateOptions {
  return parseItem(certificateSchema, input, 'CERTIFICATE_INVALID', 'certificate', pathPrefix);
}

/**
 * Checks a single backend, e.g. one that is added over the API. Its id is `''` when none was given:
 * only its route knows which names are free.
 *
 * @throws DcError `ROUTE_INVALID` with every problem.
 */
export function parseBackend(input: unknown, pathPrefix = ''): Backend {
  return parseItem(backendSchema, input, 'ROUTE_INVALID', 'backend', pathPrefix);
}

function parseItem<TSchema extends z.ZodType>(
  schema: TSchema,
  input: unknown,
  code: TErrorCode,
  noun: string,
  pathPrefix: string,
): z.output<TSchema> {
  const result = schema.safeParse(input);
  if (result.success) return deepFreeze(result.data);
  const findings: IFinding[] = findingsOf(schema, input, result.error.issues);
  const problems: IProblem[] = findings.map((one) => problemOf(one, input, undefined, pathPrefix));
  throw new DcError(code, `Cannot use this ${noun}: ${summaryOf(problems)}`, { problems });
}

/** The first problem in one line, and how many more there are. */
function summaryOf(problems: readonly IProblem[]): string {
  const [first] = problems;
  if (first === undefined) return 'it is not valid';
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return `${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`;
}
