import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './api-error.ts';
import type { IOperation } from './operation.ts';
import { operations } from './operations/index.ts';
import { basePath } from './operations/shared.ts';
import { problemsOfZod } from './zod-problems.ts';

/** What everybody may ask: the health of the process. */
export const publicPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/**
 * Checks the query of a request.
 * @throws ApiError `REQUEST_INVALID` (400)
 */
export function parseQuery(operation: IOperation, given: unknown): unknown {
  const query = { ...(given as object) };
  const { query: schema } = operation;
  if (schema === undefined) {
    const [name] = Object.keys(query);
    if (name === undefined) return {};
    throw invalidQuery([{ path: name, message: 'Must be absent: there are no parameters here' }]);
  }
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  throw invalidQuery(problemsOfZod(schema, query, parsed.error));
}

function invalidQuery(problems: { path: string; message: string }[]): ApiError {
  return new ApiError('REQUEST_INVALID', 'The query is not valid', { problems });
}

/**
 * Checks what the headers say of the body, before it is read.
 * @throws ApiError `UNSUPPORTED_MEDIA_TYPE` (415)
 */
export function checkBodyHeaders({ body }: IOperation, headers: IncomingHttpHeaders): void {
  const { 'content-encoding': encoding, 'content-type': type } = headers;
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ApiError('UNSUPPORTED_MEDIA_TYPE', 'The body must not be compressed');
  }
  if (body === undefined || type === undefined) return;
  const accepted = body.contentTypes ?? ['application/json'];
  if (accepted.includes(type.split(';')[0]?.trim().toLowerCase() ?? '')) return;
  throw new ApiError('UNSUPPORTED_MEDIA_TYPE', `The body must be ${accepted.join(' or ')}`, {
    headers: { accept: accepted.join(', ') },
  });
}

/**
 * The refusal of a method and path that no operation has: 405 where the path is known, else 404.
 */
export function notFound(wanted: string): ApiError {
  const methods = operations
    .filter(({ path: template }) => patternOf(template).test(wanted))
    .map(({ method }) => method);
  if (publicPaths.has(wanted)) methods.push('GET');
  if (methods.length === 0) {
    return new ApiError('NOT_FOUND', `There is nothing here: see ${basePath}/openapi.json`);
  }
  if (methods.includes('GET')) return methodNotAllowed(['GET', 'HEAD', ...methods.slice(1)]);
  return methodNotAllowed(methods);
}

function methodNotAllowed(methods: readonly string[]): ApiError {
  const allow = [...new Set(methods)].join(', ');
  return new ApiError('METHOD_NOT_ALLOWED', `Only ${allow} may be used here`, {
    headers: { allow },
  });
}

/** Whether the path of an operation can be patched. */
export function allowsPatch({ path: template }: IOperation): boolean {
  return operations.some((other) => other.path === template && other.method === 'PATCH');
}

const patterns = new Map<string, RegExp>();

function patternOf(template: string): RegExp {
  let pattern = patterns.get(template);
  if (pattern === undefined) {
    const source = template.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+');
    pattern = new RegExp(`^${basePath}${source}$`);
    patterns.set(template, pattern);
  }
  return pattern;
}
