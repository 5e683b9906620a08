import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { ApiError } from '../api-error.ts';
import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import { masterFileSchema } from '../schemas/dns.ts';
import { mergePatchSchema } from '../schemas/route.ts';
import {
  zoneChangedSchema,
  zoneInputSchema,
  zonePageSchema,
  zoneViewSchema,
} from '../schemas/zone.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

/** Bytes of a zone as JSON, or as a master file when it is made. */
const zoneBytesMax = 16_777_216;

/** Bytes of a master file: some three million records. To read it takes 14 times as much memory. */
export const masterFileBytesMax = 134_217_728;

/** Media types of a master file (RFC 4027). */
export const masterFileTypes: readonly string[] = ['text/dns', 'text/plain'];

const zone = { description: 'The zone', schema: zoneViewSchema, headers: ['ETag'] as const };
const changed = { description: 'What is served now', schema: zoneChangedSchema };
const oneZone = '/dns/zones/:zone';

/** `/dns/zones` */
export const zoneOperations: readonly IOperation[] = [
  operation({
    id: 'listZones',
    method: 'GET',
    path: '/dns/zones',
    tag: 'DNS zones',
    summary: 'List the zones',
    description: 'With their state, serial and numbers; ordered by id, in pages.',
    scope: 'read',
    query: pageQuery.extend({
      q: z.string().min(1).max(253).optional().describe('Only with this text in the id'),
      state: z.enum(['serving', 'loading', 'expired']).optional(),
    }),
    answers: { 200: { description: 'A page', schema: zonePageSchema, headers: ['Link'] } },
    handle: (control, { query }) => paged(control.zones.list(query), '/dns/zones', query),
  }),
  operation({
    id: 'createZone',
    method: 'POST',
    path: '/dns/zones',
    tag: 'DNS zones',
    summary: 'Create a zone',
    description:
      'Answered when it is stored and served. As JSON, or as a master file with the name of the zone in the query.',
    scope: 'write',
    query: z.strictObject({
      name: z.string().min(1).max(1_200).optional().describe('Of a zone that comes as master file'),
      view: z.string().min(1).max(64).optional().describe('The same'),
    }),
    body: {
      schema: zoneInputSchema,
      contentTypes: ['application/json', ...masterFileTypes],
      bytesMax: zoneBytesMax,
    },
    answers: { 201: { ...zone, headers: ['ETag', 'Location'] } },
    refusals: [409, 422],
    handle: async (control, { body, query }) => {
      const { item, tag } = await control.zones.add(zoneInput(body, query));
      return created(item, `/dns/zones/${segment(item.id)}`, tag);
    },
  }),
  operation({
    id: 'getZone',
    method: 'GET',
    path: oneZone,
    tag: 'DNS zones',
    summary: 'Get a zone with its state and options',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: zone, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: (control, request) => tagged(control.zones.get(param(request, 'zone')), request),
  }),
  operation({
    id: 'putZone',
    method: 'PUT',
    path: oneZone,
    tag: 'DNS zones',
    summary: 'Replace the options of a zone, or create it under this id',
    description: 'Record sets that were changed over the options stay changed.',
    scope: 'write',
    body: { schema: zoneInputSchema, bytesMax: zoneBytesMax },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: zone, 201: { ...zone, headers: ['ETag', 'Location'] } },
    refusals: [412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const done = await control.zones.put(param(request, 'zone'), body, precondition);
      if (done.created) return created(done.item, `/dns/zones/${segment(done.item.id)}`, done.tag);
      return { status: 200, headers: { etag: done.tag }, body: done.item };
    },
  }),
  operation({
    id: 'patchZone',
    method: 'PATCH',
    path: oneZone,
    tag: 'DNS zones',
    summary: 'Change options of a zone',
    description: 'A JSON merge patch (RFC 7396) of `options`: `null` takes a member away.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes, bytesMax: zoneBytesMax },
    conditions: ['If-Match'],
    answers: { 200: zone },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.zones.patch(param(request, 'zone'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteZone',
    method: 'DELETE',
    path: oneZone,
    tag: 'DNS zones',
    summary: 'Remove a zone with its records',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 412],
    handle: async (control, request) => {
      await control.zones.remove(param(request, 'zone'), request.precondition);
      return { status: 204 };
    },
  }),
  operation({
    id: 'exportZone',
    method: 'GET',
    path: `${oneZone}/export`,
    tag: 'DNS zones',
    summary: 'Get a zone as a master file',
    scope: 'read',
    query: z.strictObject({
      source: z
        .enum(['source', 'served'])
        .default('source')
        .describe('`served`: with what signing, ALIAS and health records made of it'),
    }),
    answers: {
      200: { description: 'The file', schema: masterFileSchema, contentTypes: ['text/dns'] },
    },
    refusals: [404, 409],
    handle: async (control, request) => {
      const body = await begun(control.zones.export(param(request, 'zone'), request.query.source));
      return { status: 200, body, contentType: 'text/dns; charset=utf-8' };
    },
  }),
  operation({
    id: 'importZone',
    method: 'PUT',
    path: `${oneZone}/import`,
    tag: 'DNS zones',
    summary: 'Put the content of a master file in place of all that a zone holds',
    description:
      'All or nothing: with an error nothing changes, and 422 names the lines. The serial rises ' +
      'where the file’s own is not newer.',
    scope: 'write',
    body: {
      schema: masterFileSchema,
      contentTypes: masterFileTypes,
      bytesMax: masterFileBytesMax,
    },
    answers: { 200: changed },
    refusals: [404, 422],
    handle: async (control, request) => {
      const body = await control.zones.import(param(request, 'zone'), bytesOf(request.body));
      return { status: 200, body };
    },
  }),
  operation({
    id: 'notifyZone',
    method: 'POST',
    path: `${oneZone}/notify`,
    tag: 'DNS zones',
    summary: 'Tell the secondaries of a zone that it may have changed',
    scope: 'write',
    answers: { 202: { description: 'They are told', schema: zoneChangedSchema } },
    refusals: [404],
    handle: (control, request) => ({
      status: 202,
      body: control.zones.notify(param(request, 'zone')),
    }),
  }),
  operation({
    id: 'retransferZone',
    method: 'POST',
    path: `${oneZone}/retransfer`,
    tag: 'DNS zones',
    summary: 'Fetch a secondary zone from its primaries now',
    scope: 'write',
    query: z.strictObject({
      whole: z
        .enum(['true', 'false'])
        .default('true')
        .describe('`false`: only where the serial of a primary is newer'),
    }),
    answers: { 200: changed },
    refusals: [404, 422, 502],
    handle: async (control, request) => {
      const isWhole = request.query.whole === 'true';
      const body = await control.zones.refresh(param(request, 'zone'), isWhole);
      return { status: 200, body };
    },
  }),
];

/** The bytes of a text. */
export function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  throw new Error('A body that is no text got past the door');
}

/** A zone as JSON has it, or around a master file. @throws ApiError `REQUEST_INVALID` (400) */
function zoneInput(body: unknown, { name, view }: { name?: string; view?: string }): unknown {
  const isText = Buffer.isBuffer(body);
  if (isText === (name !== undefined) && (isText || view === undefined)) {
    if (!isText) return body;
    return { name, ...(view === undefined ? {} : { view }), records: [textOf(body)] };
  }
  const message = isText
    ? 'Must be there: the name of the zone that the master file is of'
    : 'Must be absent where the body is JSON: it has the name and view';
  const problems = [{ path: name === undefined && !isText ? 'view' : 'name', message }];
  throw new ApiError('REQUEST_INVALID', 'The query is not valid', { problems });
}

/** A master file as text; bytes that are no UTF-8 are escaped, so that they stay what they are. */
function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return bytes.toString('latin1').replace(/[\u0080-\u00ff]/g, (byte) => `\\${byte.charCodeAt(0)}`);
}

/** The same pieces; the first is there already, so that what fails at once is still refused. */
async function begun(pieces: AsyncIterable<string>): Promise<AsyncIterable<string>> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  return (async function* () {
    if (first.done === true) return;
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
}
