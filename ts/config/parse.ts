import type { z } from 'zod';
import type { IAddressListOptions } from '../../ts_interfaces/data/access.ts';
import type { ICertificateOptions } from '../../ts_interfaces/data/certificate.ts';
import type { IZoneOptions } from '../../ts_interfaces/data/dns.ts';
import type { IRateLimit } from '../../ts_interfaces/data/limit.ts';
import type { Backend, RouteConfig } from '../../ts_interfaces/data/route.ts';
import type { IPortProxySettings } from '../../ts_interfaces/data/tcp.ts';
import { DcError, type IProblem, type TErrorCode } from '../core/errors.ts';
import { deepFreeze } from './freeze.ts';
import { findingsOf, type IFinding } from './issues.ts';
import { formatPath } from './path.ts';
import { addressListSchema } from './schema-access.ts';
import { backendSchema } from './schema-backend.ts';
import { rateLimitSchema } from './schema-limit.ts';
import { certificateSchema } from './schema-options.ts';
import { routeSchema } from './schema-route.ts';
import { tcpEntrySchema } from './schema-tcp.ts';
import { zoneSchema } from './schema-zone.ts';
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

/**
 * Checks an entry of the TCP and UDP plane, and brings it into its normal form: it and its domain
 * configs and backends have ids, domains are as `parseRoute` makes a vHost, port ranges are
 * `{ from, to }`, and a backend at the port that the client came to has port 0.
 *
 * Whether other entries and entrypoints listen on its ports is not looked at (`checkPorts`), nor
 * whether the lists that it names are there.
 *
 * @param pathPrefix stands before the path of each problem, e.g. `tcp[3]`.
 * @throws DcError `TCP_INVALID` with every problem.
 */
export function parseTcpEntry(input: unknown, pathPrefix = ''): IPortProxySettings {
  return parseItem(tcpEntrySchema, input, 'TCP_INVALID', 'TCP entry', pathPrefix);
}

/**
 * Checks a DNS zone. Its name and those of servers and keys come back in lower case, with IDN as
 * punycode and no trailing dot; types of records in upper case; names of records as they were given,
 * but for IDN.
 *
 * What the records say is not looked at, and no file is read. Nor is it known here whether the
 * lists, keys and views that it names are there (`checkZoneNames`).
 *
 * @param pathPrefix stands before the path of each problem, e.g. `dns.zones[3]`.
 * @throws DcError `ZONE_INVALID` with every problem.
 */
export function parseZone(input: unknown, pathPrefix = ''): IZoneOptions {
  return parseItem(zoneSchema, input, 'ZONE_INVALID', 'zone', pathPrefix, ['dns', 'zones']);
}

/**
 * Checks a list of addresses. They stay as they are written, but for their case; its file is not
 * read.
 *
 * @throws DcError `ACCESS_INVALID` with every problem.
 */
export function parseAddressList(input: unknown, pathPrefix = ''): IAddressListOptions {
  return parseItem(addressListSchema, input, 'ACCESS_INVALID', 'address list', pathPrefix);
}

/**
 * Checks a request rate limit.
 *
 * @throws DcError `LIMIT_INVALID` with every problem.
 */
export function parseRateLimit(input: unknown, pathPrefix = ''): IRateLimit {
  return parseItem(rateLimitSchema, input, 'LIMIT_INVALID', 'rate limit', pathPrefix, [
    'limits',
    'x',
  ]);
}

/** @param place where such items are in a configuration: what is a secret depends on it. */
function parseItem<TSchema extends z.ZodType>(
  schema: TSchema,
  input: unknown,
  code: TErrorCode,
  noun: string,
  pathPrefix: string,
  place: readonly string[] = [],
): z.output<TSchema> {
  const result = schema.safeParse(input);
  if (result.success) return deepFreeze(result.data);
  const findings: IFinding[] = findingsOf(schema, input, result.error.issues);
  const root = place.reduceRight<unknown>((inner, key) => ({ [key]: inner }), input);
  const problems: IProblem[] = findings.map((finding) => {
    const problem = problemOf({ ...finding, path: [...place, ...finding.path] }, root);
    return { ...problem, path: formatPath(finding.path, pathPrefix) };
  });
  throw new DcError(code, `Cannot use this ${noun}: ${summaryOf(problems)}`, { problems });
}

/** The first problem in one line, and how many more there are. */
function summaryOf(problems: readonly IProblem[]): string {
  const [first] = problems;
  if (first === undefined) return 'it is not valid';
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return `${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`;
}
