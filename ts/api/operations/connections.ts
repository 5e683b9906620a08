import { z } from 'zod';
import { type IOperation, operation } from '../operation.ts';
import {
  connectionPageSchema,
  connectionProtocolSchema,
  connectionSchema,
} from '../schemas/connection.ts';
import { paged, pageQuery, param } from './shared.ts';

const text = z.string().min(1).max(300).optional();

/** `/connections` */
export const connectionOperations: readonly IOperation[] = [
  operation({
    id: 'listConnections',
    method: 'GET',
    path: '/connections',
    tag: 'Connections',
    summary: 'List the live connections of clients',
    description: 'Of all planes and worker processes, the oldest first, in pages.',
    scope: 'read',
    query: pageQuery.extend({
      protocol: connectionProtocolSchema.optional(),
      client: text.describe('Address of the client, or a range like 10.0.0.0/8'),
      entrypoint: text.describe('Name of the web entrypoint, or id of the TCP entry'),
      backend: text.describe('Address of the backend with its port'),
    }),
    answers: { 200: { description: 'A page', schema: connectionPageSchema, headers: ['Link'] } },
    handle: async (control, { query }) =>
      paged(await control.connections.list(query), '/connections', query),
  }),
  operation({
    id: 'getConnection',
    method: 'GET',
    path: '/connections/:id',
    tag: 'Connections',
    summary: 'Get a live connection',
    scope: 'read',
    answers: { 200: { description: 'The connection', schema: connectionSchema } },
    refusals: [404],
    handle: async (control, request) => ({
      status: 200,
      body: await control.connections.get(param(request, 'id')),
    }),
  }),
  operation({
    id: 'closeConnection',
    method: 'DELETE',
    path: '/connections/:id',
    tag: 'Connections',
    summary: 'Break a connection off',
    description: 'At once, whatever runs over it.',
    scope: 'write',
    answers: { 204: { description: 'It is closed' } },
    refusals: [404],
    handle: async (control, request) => {
      await control.connections.close(param(request, 'id'));
      return { status: 204 };
    },
  }),
];
