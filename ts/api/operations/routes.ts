import { z } from 'zod';
import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import {
  mergePatchSchema,
  routeInputSchema,
  routePageSchema,
  routeViewSchema,
} from '../schemas/route.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

const route = { description: 'The route', schema: routeViewSchema, headers: ['ETag'] as const };
const oneRoute = '/routes/:vHost';

/** `/routes` */
export const routeOperations: readonly IOperation[] = [
  operation({
    id: 'listRoutes',
    method: 'GET',
    path: '/routes',
    tag: 'Routes',
    summary: 'List all configured routes',
    description:
      'Ordered by id, in pages of `{ items, total, nextCursor }`; a request without parameters gets the first one. ' +
      'The header `Link` has the address of the next.',
    scope: 'read',
    query: pageQuery.extend({
      vHost: z.string().min(1).max(1000).optional().describe('Only with exactly this virtual host'),
      q: z
        .string()
        .min(1)
        .max(253)
        .optional()
        .describe('Only with this text in id or virtual host'),
    }),
    answers: { 200: { description: 'A page', schema: routePageSchema, headers: ['Link'] } },
    handle: async (control, { query }) => paged(await control.routes.list(query), '/routes', query),
  }),
  operation({
    id: 'createRoute',
    method: 'POST',
    path: '/routes',
    tag: 'Routes',
    summary: 'Create a route',
    description: 'Answered when it is stored and takes requests.',
    scope: 'write',
    body: { schema: routeInputSchema },
    answers: { 201: { ...route, headers: ['ETag', 'Location'] } },
    refusals: [409, 422],
    handle: async (control, { body }) => {
      const { item, tag } = await control.routes.add(body);
      return created(item, `/routes/${segment(item.id)}`, tag);
    },
  }),
  operation({
    id: 'getRoute',
    method: 'GET',
    path: oneRoute,
    tag: 'Routes',
    summary: 'Get a route with the state of its backends',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: route, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404, 409],
    handle: (control, request) => tagged(control.routes.get(param(request, 'vHost')), request),
  }),
  operation({
    id: 'putRoute',
    method: 'PUT',
    path: oneRoute,
    tag: 'Routes',
    summary: 'Replace a route, or create it under this id',
    description: 'Masked secrets of the route as it was read keep their values.',
    scope: 'write',
    body: { schema: routeInputSchema },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: route, 201: { ...route, headers: ['ETag', 'Location'] } },
    refusals: [409, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const done = await control.routes.put(param(request, 'vHost'), body, precondition);
      if (done.created) return created(done.item, `/routes/${segment(done.item.id)}`, done.tag);
      return { status: 200, headers: { etag: done.tag }, body: done.item };
    },
  }),
  operation({
    id: 'patchRoute',
    method: 'PATCH',
    path: oneRoute,
    tag: 'Routes',
    summary: 'Change members of a route',
    description:
      'A JSON merge patch (RFC 7396): `null` takes a member away, lists are replaced whole.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes },
    conditions: ['If-Match'],
    answers: { 200: route },
    refusals: [404, 409, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.routes.patch(param(request, 'vHost'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteRoute',
    method: 'DELETE',
    path: oneRoute,
    tag: 'Routes',
    summary: 'Remove a route',
    description: 'Its requests in flight end by themselves.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 409, 412],
    handle: async (control, request) => {
      await control.routes.remove(param(request, 'vHost'), request.precondition);
      return { status: 204 };
    },
  }),
];
