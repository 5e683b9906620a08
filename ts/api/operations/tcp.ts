import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import { mergePatchSchema } from '../schemas/route.ts';
import { tcpEntryInputSchema, tcpEntryPageSchema, tcpEntryViewSchema } from '../schemas/tcp.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

const entry = { description: 'The entry', schema: tcpEntryViewSchema, headers: ['ETag'] as const };
const oneEntry = '/tcp/:id';

/** `/tcp` */
export const tcpOperations: readonly IOperation[] = [
  operation({
    id: 'listTcpEntries',
    method: 'GET',
    path: '/tcp',
    tag: 'TCP',
    summary: 'List the TCP and UDP entries',
    description: 'With their open ports, numbers and backends; ordered by id, in pages.',
    scope: 'read',
    query: pageQuery,
    answers: { 200: { description: 'A page', schema: tcpEntryPageSchema, headers: ['Link'] } },
    handle: async (control, { query }) => paged(await control.tcp.list(query), '/tcp', query),
  }),
  operation({
    id: 'createTcpEntry',
    method: 'POST',
    path: '/tcp',
    tag: 'TCP',
    summary: 'Forward ports',
    description:
      'Answered when it is stored, its ports are open and connections are forwarded. ' +
      'A port that somebody has is refused with who has it: 409 for one of ours, else 422.',
    scope: 'write',
    body: { schema: tcpEntryInputSchema },
    answers: { 201: { ...entry, headers: ['ETag', 'Location'] } },
    refusals: [409, 422],
    handle: async (control, { body }) => {
      const { item, tag } = await control.tcp.add(body);
      return created(item, `/tcp/${segment(item.id)}`, tag);
    },
  }),
  operation({
    id: 'getTcpEntry',
    method: 'GET',
    path: oneEntry,
    tag: 'TCP',
    summary: 'Get an entry with its ports, numbers and backends',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: entry, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: async (control, request) =>
      tagged(await control.tcp.get(param(request, 'id')), request),
  }),
  operation({
    id: 'putTcpEntry',
    method: 'PUT',
    path: oneEntry,
    tag: 'TCP',
    summary: 'Replace an entry, or create it under this id',
    description: 'Ports that stay are not closed, and open connections go on as they began.',
    scope: 'write',
    body: { schema: tcpEntryInputSchema },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: entry, 201: { ...entry, headers: ['ETag', 'Location'] } },
    refusals: [409, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const done = await control.tcp.put(param(request, 'id'), body, precondition);
      if (done.created) return created(done.item, `/tcp/${segment(done.item.id)}`, done.tag);
      return { status: 200, headers: { etag: done.tag }, body: done.item };
    },
  }),
  operation({
    id: 'patchTcpEntry',
    method: 'PATCH',
    path: oneEntry,
    tag: 'TCP',
    summary: 'Change members of an entry',
    description:
      'A JSON merge patch (RFC 7396): `null` takes a member away, lists are replaced whole.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes },
    conditions: ['If-Match'],
    answers: { 200: entry },
    refusals: [404, 409, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.tcp.patch(param(request, 'id'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteTcpEntry',
    method: 'DELETE',
    path: oneEntry,
    tag: 'TCP',
    summary: 'Remove an entry and close its ports',
    description: 'Open connections may go on for `drainTimeoutMs`.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 412],
    handle: async (control, request) => {
      await control.tcp.remove(param(request, 'id'), request.precondition);
      return { status: 204 };
    },
  }),
];
