import { z } from 'zod';
import type { IAddressListInfo } from '../../../ts_interfaces/index.ts';
import { type IOperation, operation } from '../operation.ts';
import {
  addressChangeSchema,
  addressCheckSchema,
  addressListChangedSchema,
  addressListInputSchema,
  addressListPageSchema,
  addressListSchema,
  addressListSummarySchema,
} from '../schemas/access.ts';
import { created, paged, pageQuery, param, segment, tagged } from './shared.ts';

/** Bytes of a list: 100,000 IPv6 ranges have five million. */
const listBytesMax = 16_777_216;

/** Addresses in one piece of an answer. */
const addressesPerPiece = 5_000;

const summary = {
  description: 'The list, without what is in it',
  schema: addressListSummarySchema,
  headers: ['ETag'] as const,
};

/** `/access` */
export const accessOperations: readonly IOperation[] = [
  operation({
    id: 'listAddressLists',
    method: 'GET',
    path: '/access',
    tag: 'Access',
    summary: 'List the address lists',
    description: 'Without what is in them; ordered by name, in pages.',
    scope: 'read',
    query: pageQuery,
    answers: { 200: { description: 'A page', schema: addressListPageSchema, headers: ['Link'] } },
    handle: (control, { query }) => paged(control.access.list(query), '/access', query),
  }),
  operation({
    id: 'checkAddress',
    method: 'GET',
    path: '/access/check',
    tag: 'Access',
    summary: 'Tell which address lists an address is in',
    scope: 'read',
    query: z.strictObject({ address: z.string().min(1).max(100).describe('IPv4 or IPv6') }),
    answers: { 200: { description: 'The lists', schema: addressCheckSchema } },
    handle: (control, { query }) => ({ status: 200, body: control.access.check(query.address) }),
  }),
  operation({
    id: 'getAddressList',
    method: 'GET',
    path: '/access/:name',
    tag: 'Access',
    summary: 'Get an address list with all that is in it',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: {
      200: { description: 'The list', schema: addressListSchema, headers: ['ETag'] },
      304: { description: 'Nothing has changed', headers: ['ETag'] },
    },
    refusals: [404],
    handle: (control, request) => {
      const found = control.access.get(param(request, 'name'));
      const answer = tagged(found, request);
      return answer.status === 304 ? answer : { ...answer, body: pieces(found.item) };
    },
  }),
  operation({
    id: 'putAddressList',
    method: 'PUT',
    path: '/access/:name',
    tag: 'Access',
    summary: 'Make an address list, or put other addresses into it',
    description:
      'Holds for the next connection or request. A list of the file then has these addresses alone.',
    scope: 'write',
    body: { schema: addressListInputSchema, bytesMax: listBytesMax },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: summary, 201: { ...summary, headers: ['ETag', 'Location'] } },
    refusals: [412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const done = await control.access.put(param(request, 'name'), body, precondition);
      if (done.created) return created(done.item, `/access/${segment(done.item.name)}`, done.tag);
      return { status: 200, headers: { etag: done.tag }, body: done.item };
    },
  }),
  operation({
    id: 'deleteAddressList',
    method: 'DELETE',
    path: '/access/:name',
    tag: 'Access',
    summary: 'Remove an address list',
    description: 'Not while a route, TCP entry or entrypoint names it.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 409, 412],
    handle: async (control, request) => {
      await control.access.remove(param(request, 'name'), request.precondition);
      return { status: 204 };
    },
  }),
  operation({
    id: 'changeAddressList',
    method: 'POST',
    path: '/access/:name/addresses',
    tag: 'Access',
    summary: 'Add addresses to an address list, and take some out',
    description: 'What is in it already, or is not in it, does no harm.',
    scope: 'write',
    body: { schema: addressChangeSchema, bytesMax: listBytesMax },
    conditions: ['If-Match'],
    answers: {
      200: { description: 'What was done', schema: addressListChangedSchema, headers: ['ETag'] },
    },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.access.change(param(request, 'name'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
];

/** A list may be long: between two pieces, traffic gets its turn. */
async function* pieces({ addresses, ...rest }: IAddressListInfo): AsyncGenerator<string> {
  yield `${JSON.stringify(rest).slice(0, -1)},"addresses":[`;
  for (let at = 0; at < addresses.length; at += addressesPerPiece) {
    const texts = addresses.slice(at, at + addressesPerPiece).map((one) => JSON.stringify(one));
    yield (at === 0 ? '' : ',') + texts.join(',');
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield ']}';
}
