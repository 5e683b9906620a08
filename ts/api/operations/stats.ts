import { DcError } from '../../core/errors.ts';
import { type IOperation, operation } from '../operation.ts';
import { globalStatsSchema, routeStatsSchema } from '../schemas/stats.ts';
import { param } from './shared.ts';

/** `/stats` */
export const statsOperations: readonly IOperation[] = [
  operation({
    id: 'getStats',
    method: 'GET',
    path: '/stats',
    tag: 'Monitoring',
    summary: 'Global statistics',
    scope: 'read',
    answers: { 200: { description: 'Of all requests', schema: globalStatsSchema } },
    handle: async (control) => ({ status: 200, body: await control.stats.global() }),
  }),
  operation({
    id: 'getRouteStats',
    method: 'GET',
    path: '/stats/:vHost',
    tag: 'Monitoring',
    summary: 'Statistics of a route',
    scope: 'read',
    answers: { 200: { description: 'Of its requests', schema: routeStatsSchema } },
    refusals: [404, 409],
    handle: async (control, request) => {
      const id = control.routes.resolve(param(request, 'vHost'));
      const body = await control.stats.route(id);
      if (body === undefined) throw new DcError('ROUTE_UNKNOWN', `No route has the id "${id}"`);
      return { status: 200, body };
    },
  }),
];
