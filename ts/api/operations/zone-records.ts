import { z } from 'zod';
import { type IOperation, operation } from '../operation.ts';
import { readRevert } from '../record-input.ts';
import { zoneChangedSchema } from '../schemas/zone.ts';
import {
  recordBatchSchema,
  recordSetInputSchema,
  recordSetPageSchema,
  recordSetSchema,
  recordsChangedSchema,
  revertInputSchema,
} from '../schemas/zone-records.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

/** Bytes of a batch: 10,000 record sets of more than a thousand each. */
const batchBytesMax = 16_777_216;

const records = '/dns/zones/:zone/records';
const oneSet = `${records}/:name/:type`;
const set = {
  description: 'The record set',
  schema: recordSetSchema,
  headers: ['ETag'] as const,
};

/** `/dns/zones/:zone/records` */
export const zoneRecordOperations: readonly IOperation[] = [
  operation({
    id: 'listRecords',
    method: 'GET',
    path: records,
    tag: 'DNS zones',
    summary: 'List the record sets of a zone',
    description:
      'Names in canonical order (RFC 4034), in pages. Without what signing, ALIAS and health records make.',
    scope: 'read',
    query: pageQuery.extend({
      name: z
        .string()
        .min(1)
        .max(1_200)
        .optional()
        .describe('Relative to the zone, `@`, or absolute with a trailing dot'),
      below: z.enum(['true', 'false']).optional().describe('Also names below `name`'),
      type: z.string().min(1).max(32).optional(),
      origin: z.enum(['file', 'api', 'update', 'owned', 'transfer', 'made']).optional(),
    }),
    answers: { 200: { description: 'A page', schema: recordSetPageSchema, headers: ['Link'] } },
    refusals: [404],
    handle: async (control, request) => {
      const { query } = request;
      const zone = param(request, 'zone');
      const page = await control.records.list(zone, { ...query, below: query.below === 'true' });
      return paged(page, `/dns/zones/${segment(zone)}/records`, query);
    },
  }),
  operation({
    id: 'putRecords',
    method: 'PUT',
    path: records,
    tag: 'DNS zones',
    summary: 'Change record sets of a zone, all or none',
    description:
      'Each one named is replaced; one whose `data` is empty goes away. The others stay as they are.',
    scope: 'write',
    body: { schema: recordBatchSchema, bytesMax: batchBytesMax },
    answers: { 200: { description: 'What was done', schema: recordsChangedSchema } },
    refusals: [404, 422],
    handle: async (control, request) => {
      const body = await control.records.batch(param(request, 'zone'), request.body);
      return { status: 200, body };
    },
  }),
  operation({
    id: 'getRecordSet',
    method: 'GET',
    path: oneSet,
    tag: 'DNS zones',
    summary: 'Get the records of a name and type',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: set, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: (control, request) => {
      const [zone, name, type] = placeOf(request);
      return tagged(control.records.get(zone, name, type), request);
    },
  }),
  operation({
    id: 'putRecordSet',
    method: 'PUT',
    path: oneSet,
    tag: 'DNS zones',
    summary: 'Replace the records of a name and type, or make them',
    scope: 'write',
    body: { schema: recordSetInputSchema },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: set, 201: { ...set, headers: ['ETag', 'Location'] } },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const [zone, name, type] = placeOf(request);
      const { body, precondition } = request;
      const done = await control.records.put(zone, name, type, body, precondition);
      if (!done.created) return { status: 200, headers: { etag: done.tag }, body: done.item };
      const place = [zone, name, type].map(segment);
      return created(done.item, `/dns/zones/${place[0]}/records/${place[1]}/${place[2]}`, done.tag);
    },
  }),
  operation({
    id: 'deleteRecordSet',
    method: 'DELETE',
    path: oneSet,
    tag: 'DNS zones',
    summary: 'Remove the records of a name and type',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const [zone, name, type] = placeOf(request);
      await control.records.remove(zone, name, type, request.precondition);
      return { status: 204 };
    },
  }),
  operation({
    id: 'revertZone',
    method: 'POST',
    path: '/dns/zones/:zone/revert',
    tag: 'DNS zones',
    summary: 'Take back what was changed over the file: all of a zone, or one name or record set',
    scope: 'write',
    body: { schema: revertInputSchema, isOptional: true },
    answers: { 200: { description: 'What is served now', schema: zoneChangedSchema } },
    refusals: [404, 422],
    handle: async (control, request) => {
      const { name, type } = readRevert(request.body);
      const body = await control.records.revert(param(request, 'zone'), name, type);
      return { status: 200, body };
    },
  }),
];

/** Zone, name and type of the address. */
function placeOf(request: Parameters<typeof param>[0]): [zone: string, name: string, type: string] {
  return [param(request, 'zone'), param(request, 'name'), param(request, 'type')];
}
