import { type IOperation, mergePatchTypes, operation } from '../operation.ts';
import {
  dnssecInputSchema,
  dnssecViewSchema,
  dsInputSchema,
  rollInputSchema,
} from '../schemas/dnssec.ts';
import { mergePatchSchema } from '../schemas/route.ts';
import { param, tagged } from './shared.ts';

const dnssec = '/dns/zones/:zone/dnssec';
const view = {
  description: 'Keys, DS records and options',
  schema: dnssecViewSchema,
  headers: ['ETag'] as const,
};
const after = { description: 'Keys, DS records and options', schema: dnssecViewSchema };

/** `/dns/zones/:zone/dnssec` */
export const dnssecOperations: readonly IOperation[] = [
  operation({
    id: 'getDnssec',
    method: 'GET',
    path: dnssec,
    tag: 'DNSSEC',
    summary: 'Get the keys of a zone, and the DS records for its parent',
    description: 'Secrets of keys are never shown.',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: view, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: (control, request) => tagged(control.dnssec.get(param(request, 'zone')), request),
  }),
  operation({
    id: 'putDnssec',
    method: 'PUT',
    path: dnssec,
    tag: 'DNSSEC',
    summary: 'Sign a zone, or change how it is signed',
    scope: 'write',
    body: { schema: dnssecInputSchema, isOptional: true },
    conditions: ['If-Match'],
    answers: { 200: view },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.dnssec.put(param(request, 'zone'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'patchDnssec',
    method: 'PATCH',
    path: dnssec,
    tag: 'DNSSEC',
    summary: 'Change options of how a zone is signed',
    description: 'A JSON merge patch (RFC 7396) of `options`: `null` takes a member away.',
    scope: 'write',
    body: { schema: mergePatchSchema, contentTypes: mergePatchTypes },
    conditions: ['If-Match'],
    answers: { 200: view },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const { item, tag } = await control.dnssec.patch(param(request, 'zone'), body, precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'deleteDnssec',
    method: 'DELETE',
    path: dnssec,
    tag: 'DNSSEC',
    summary: 'Let a zone be unsigned as soon as nobody has its DS any more',
    description: 'Its DS has to be taken out of the parent; until then it stays signed.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 200: view },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { precondition } = request;
      const { item, tag } = await control.dnssec.withdraw(param(request, 'zone'), precondition);
      return { status: 200, headers: { etag: tag }, body: item };
    },
  }),
  operation({
    id: 'rollDnssecKey',
    method: 'POST',
    path: `${dnssec}/roll`,
    tag: 'DNSSEC',
    summary: 'Replace a key of a zone now',
    scope: 'write',
    body: { schema: rollInputSchema },
    answers: { 200: after },
    refusals: [404, 422],
    handle: async (control, request) => {
      const body = await control.dnssec.roll(param(request, 'zone'), request.body);
      return { status: 200, body };
    },
  }),
  operation({
    id: 'confirmDs',
    method: 'POST',
    path: `${dnssec}/ds`,
    tag: 'DNSSEC',
    summary: 'Say which DS records the parent has, where the router cannot look',
    scope: 'write',
    body: { schema: dsInputSchema },
    answers: { 200: after },
    refusals: [404, 422],
    handle: async (control, request) => {
      const body = await control.dnssec.confirmDs(param(request, 'zone'), request.body);
      return { status: 200, body };
    },
  }),
];
