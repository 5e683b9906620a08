import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import {
  backendInputSchema,
  backendListSchema,
  backendViewSchema,
  mergePatchSchema,
} from '../schemas/route.ts';
import { created, param, segment, tagged } from './shared.ts';

const backend = {
  description: 'The backend',
  schema: backendViewSchema,
  headers: ['ETag'] as const,
};
const allBackends = '/routes/:vHost/backends';
const oneBackend = '/routes/:vHost/backends/:id';

/** `/routes/:vHost/backends` */
export const backendOperations: readonly IOperation[] = [
  operation({
    id: 'listBackends',
    method: 'GET',
    path: allBackends,
    tag: 'Backends',
    summary: 'List the backends of a route',
    scope: 'read',
    answers: { 200: { description: 'All of them', schema: backendListSchema } },
    refusals: [404, 409],
    handle: (control, request) => {
      const items = control.backends.list(param(request, 'vHost'));
      return { status: 200, body: { items, total: items.length } };
    },
  }),
  operation({
    id: 'createBackend',
    method: 'POST',
    path: allBackends,
    tag: 'Backends',
    summary: 'Add a backend to a route',
    description: 'Without an `id` it becomes the first free of `backend-1`, `backend-2`, ….',
    scope: 'write',
    body: { schema: backendInputSchema },
    answers: { 201: { ...backend, headers: ['ETag', 'Location'] } },
    refusals: [404, 409, 422],
    handle: async (control, request) => {
      const selector = param(request, 'vHost');
      const { item, tag } = await control.backends.add(selector, request.body);
      return created(item, `/routes/${segment(selector)}/backends/${segment(item.id)}`, tag);
    },
  }),
  operation({
    id: 'getBackend',
    method: 'GET',
    path: oneBackend,
    tag: 'Backends',
    summary: 'Get a backend with its state',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: backend, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404, 409],
    handle: (control, request) =>
      tagged(control.backends.get(param(request, 'vHost'), param(request, 'id')), request),
  }),
  operation({
    id: 'patchBackend',
    method: 'PATCH',
    path: oneBackend,
    tag: 'Backends',
    summary: 'Change members of a backend',
    description: 'A JSON merge patch (RFC 7396): `null` takes a member away.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes },
    conditions: ['If-Match'],
    answers: { 200: backend },
    refusals: [404, 409, 412, 422],
    handle: async (control, request) => {
      const { item, tag } = await control.backends.patch(
        param(request, 'vHost'),
        param(request, 'id'),
        request.body,
        request.precondition,
      );
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteBackend',
    method: 'DELETE',
    path: oneBackend,
    tag: 'Backends',
    summary: 'Remove a backend',
    description: 'Not the last one of a route that does not redirect.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 409, 412],
    handle: async (control, request) => {
      const { precondition } = request;
      await control.backends.remove(param(request, 'vHost'), param(request, 'id'), precondition);
      return { status: 204 };
    },
  }),
  marking(
    'dead',
    'Take a backend out of rotation by hand',
    'Until it is marked alive, also after a restart.',
  ),
  marking(
    'alive',
    'Bring a backend back into rotation',
    'Whether it was taken out by hand or failed.',
  ),
];

function marking(state: 'dead' | 'alive', summary: string, description: string): IOperation {
  return operation({
    id: state === 'dead' ? 'markBackendDead' : 'markBackendAlive',
    method: 'POST',
    path: `${oneBackend}/${state}`,
    tag: 'Backends',
    summary,
    description,
    scope: 'write',
    answers: { 200: backend },
    refusals: [404, 409],
    handle: async (control, request) => {
      const selector = param(request, 'vHost');
      const { item, tag } = await control.backends.mark(selector, param(request, 'id'), state);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  });
}
