import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import { limitInfoSchema, limitPageSchema, rateLimitInputSchema } from '../schemas/limit.ts';
import { mergePatchSchema } from '../schemas/route.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

const limit = { description: 'The limit', schema: limitInfoSchema, headers: ['ETag'] as const };
const oneLimit = '/limits/:name';

/** `/limits` */
export const limitOperations: readonly IOperation[] = [
  operation({
    id: 'listLimits',
    method: 'GET',
    path: '/limits',
    tag: 'Limits',
    summary: 'List the rate limits that routes can name',
    description: 'With their numbers; ordered by name, in pages.',
    scope: 'read',
    query: pageQuery,
    answers: { 200: { description: 'A page', schema: limitPageSchema, headers: ['Link'] } },
    handle: async (control, { query }) => paged(await control.limits.list(query), '/limits', query),
  }),
  operation({
    id: 'getLimit',
    method: 'GET',
    path: oneLimit,
    tag: 'Limits',
    summary: 'Get a rate limit with its numbers and routes',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: limit, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: async (control, request) =>
      tagged(await control.limits.get(param(request, 'name')), request),
  }),
  operation({
    id: 'putLimit',
    method: 'PUT',
    path: oneLimit,
    tag: 'Limits',
    summary: 'Make a rate limit, or change all of it',
    description: 'Holds for the next request; what clients took stays taken.',
    scope: 'write',
    body: { schema: rateLimitInputSchema },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: limit, 201: { ...limit, headers: ['ETag', 'Location'] } },
    refusals: [412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const done = await control.limits.put(param(request, 'name'), body, precondition);
      if (done.created) return created(done.item, `/limits/${segment(done.item.name)}`, done.tag);
      return { status: 200, headers: { etag: done.tag }, body: done.item };
    },
  }),
  operation({
    id: 'patchLimit',
    method: 'PATCH',
    path: oneLimit,
    tag: 'Limits',
    summary: 'Change members of a rate limit',
    description: 'A JSON merge patch (RFC 7396) of `limit`: `null` takes a member away.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes },
    conditions: ['If-Match'],
    answers: { 200: limit },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.limits.patch(param(request, 'name'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteLimit',
    method: 'DELETE',
    path: oneLimit,
    tag: 'Limits',
    summary: 'Remove a rate limit',
    description: 'Not while a route names it.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 409, 412],
    handle: async (control, request) => {
      await control.limits.remove(param(request, 'name'), request.precondition);
      return { status: 204 };
    },
  }),
];
