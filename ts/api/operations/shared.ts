import { z } from 'zod';
import { matchesForRead } from '../entity-tag.ts';
import type { IOperationAnswer, IOperationRequest } from '../operation.ts';
import { type IPage, pageLimitDefault, pageLimitMax } from '../paging.ts';
import type { ITagged } from '../route-view.ts';

/** Where the operations are. */
export const basePath = '/api/v1';

/** Which page of a list. */
export const pageQuery = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(pageLimitMax)
    .optional()
    .describe(`Items of the page; ${pageLimitDefault} when absent`),
  cursor: z.string().min(1).max(4096).optional().describe('`nextCursor` of the page before'),
});

/** 200 with an entity tag; 304 when `If-None-Match` says that the client has it already. */
export function tagged<T>({ item, tag }: ITagged<T>, request: IOperationRequest): IOperationAnswer {
  const { ifNoneMatch } = request.precondition;
  if (ifNoneMatch !== undefined && matchesForRead(ifNoneMatch, tag)) {
    return { status: 304, headers: { etag: tag } };
  }
  return { status: 200, headers: { etag: tag }, body: item };
}

/** 201 with the address of what was made. */
export function created<T>(body: T, path: string, tag?: string): IOperationAnswer {
  const headers = { location: basePath + path, ...(tag === undefined ? {} : { etag: tag }) };
  return { status: 201, headers, body };
}

/** A page, with the address of the next one as `Link`. RFC 8288. */
export function paged<T>(
  page: IPage<T>,
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): IOperationAnswer {
  if (page.nextCursor === null) return { status: 200, body: page };
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, cursor: page.nextCursor })) {
    if (value !== undefined) next.set(name, String(value));
  }
  const link = `<${basePath}${path}?${next}>; rel="next"`;
  return { status: 200, headers: { link }, body: page };
}

/** A part of a path that names an item. */
export function segment(name: string): string {
  return encodeURIComponent(name);
}

/** A parameter of the path; the router has matched it, so it is there. */
export function param(request: IOperationRequest, name: string): string {
  return request.params[name] ?? '';
}
