import { z } from 'zod';
import { type IOperation, operation } from '../operation.ts';
import {
  domainConfigInputSchema,
  domainConfigListSchema,
  domainConfigViewSchema,
  portRangeInputSchema,
  portRangeListSchema,
  portRangeViewSchema,
  tcpEndpointSchema,
} from '../schemas/tcp.ts';
import { created, param, segment, tagged } from './shared.ts';

const config = {
  description: 'The domain config',
  schema: domainConfigViewSchema,
  headers: ['ETag'] as const,
};
const allDomains = '/tcp/:id/domains';
const oneDomain = '/tcp/:id/domains/:domain';
const allRanges = '/tcp/:id/ranges';

/** `/tcp/:id/domains`, `/tcp/:id/ranges`, `/tcp/:id/backends` */
export const tcpPartOperations: readonly IOperation[] = [
  operation({
    id: 'listDomainConfigs',
    method: 'GET',
    path: allDomains,
    tag: 'TCP',
    summary: 'List the domain configs of an entry',
    scope: 'read',
    answers: { 200: { description: 'All of them', schema: domainConfigListSchema } },
    refusals: [404],
    handle: async (control, request) => {
      const items = await control.tcpParts.domains(param(request, 'id'));
      return { status: 200, body: { items, total: items.length } };
    },
  }),
  operation({
    id: 'createDomainConfig',
    method: 'POST',
    path: allDomains,
    tag: 'TCP',
    summary: 'Add a domain config to an entry',
    description: 'Without an `id` it gets its first domain, or its protocol.',
    scope: 'write',
    body: { schema: domainConfigInputSchema },
    answers: { 201: { ...config, headers: ['ETag', 'Location'] } },
    refusals: [404, 409, 422],
    handle: async (control, request) => {
      const id = param(request, 'id');
      const { item, tag } = await control.tcpParts.addDomain(id, request.body);
      return created(item, `/tcp/${segment(id)}/domains/${segment(item.id ?? '')}`, tag);
    },
  }),
  operation({
    id: 'getDomainConfig',
    method: 'GET',
    path: oneDomain,
    tag: 'TCP',
    summary: 'Get a domain config of an entry',
    scope: 'read',
    conditions: ['If-None-Match'],
    answers: { 200: config, 304: { description: 'Nothing has changed', headers: ['ETag'] } },
    refusals: [404],
    handle: async (control, request) => {
      const found = await control.tcpParts.domain(param(request, 'id'), param(request, 'domain'));
      return tagged(found, request);
    },
  }),
  operation({
    id: 'putDomainConfig',
    method: 'PUT',
    path: oneDomain,
    tag: 'TCP',
    summary: 'Replace a domain config of an entry, or add it under this id',
    scope: 'write',
    body: { schema: domainConfigInputSchema },
    conditions: ['If-Match', 'If-None-Match'],
    answers: { 200: config, 201: { ...config, headers: ['ETag', 'Location'] } },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const { body, precondition } = request;
      const [id, name] = [param(request, 'id'), param(request, 'domain')];
      const done = await control.tcpParts.putDomain(id, name, body, precondition);
      if (!done.created) return { status: 200, headers: { etag: done.tag }, body: done.item };
      const path = `/tcp/${segment(id)}/domains/${segment(done.item.id ?? '')}`;
      return created(done.item, path, done.tag);
    },
  }),
  operation({
    id: 'deleteDomainConfig',
    method: 'DELETE',
    path: oneDomain,
    tag: 'TCP',
    summary: 'Remove a domain config from an entry',
    description: 'Open connections go on.',
    scope: 'write',
    conditions: ['If-Match'],
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 412, 422],
    handle: async (control, request) => {
      const [id, name] = [param(request, 'id'), param(request, 'domain')];
      await control.tcpParts.removeDomain(id, name, request.precondition);
      return { status: 204 };
    },
  }),
  operation({
    id: 'listPortRanges',
    method: 'GET',
    path: allRanges,
    tag: 'TCP',
    summary: 'List the port ranges of an entry',
    scope: 'read',
    answers: { 200: { description: 'All of them', schema: portRangeListSchema } },
    refusals: [404],
    handle: (control, request) => {
      const items = control.tcpParts.ranges(param(request, 'id'));
      return { status: 200, body: { items, total: items.length } };
    },
  }),
  operation({
    id: 'createPortRange',
    method: 'POST',
    path: allRanges,
    tag: 'TCP',
    summary: 'Let an entry listen on further ports',
    description: 'A port, a text such as `"6000-6010"`, or `{ from, to }`.',
    scope: 'write',
    body: { schema: portRangeInputSchema },
    answers: {
      201: { description: 'The range', schema: portRangeViewSchema, headers: ['Location'] },
    },
    refusals: [404, 409, 422],
    handle: async (control, request) => {
      const id = param(request, 'id');
      const range = await control.tcpParts.addRange(id, request.body);
      const name = range.from === range.to ? `${range.from}` : `${range.from}-${range.to}`;
      return created(range, `/tcp/${segment(id)}/ranges/${name}`);
    },
  }),
  operation({
    id: 'deletePortRange',
    method: 'DELETE',
    path: `${allRanges}/:range`,
    tag: 'TCP',
    summary: 'Take a port range from an entry and close its ports',
    description: 'The whole range, as it is listed; an entry keeps at least one port.',
    scope: 'write',
    answers: { 204: { description: 'Removed' } },
    refusals: [404, 422],
    handle: async (control, request) => {
      await control.tcpParts.removeRange(param(request, 'id'), param(request, 'range'));
      return { status: 204 };
    },
  }),
  marking(
    'dead',
    'Take a backend of an entry out of rotation by hand',
    'Until it is marked alive, also after a restart. Open connections go on.',
  ),
  marking(
    'alive',
    'Bring a backend of an entry back into rotation',
    'Whether it was taken out by hand or failed.',
  ),
];

function marking(state: 'dead' | 'alive', summary: string, description: string): IOperation {
  return operation({
    id: state === 'dead' ? 'markTcpBackendDead' : 'markTcpBackendAlive',
    method: 'POST',
    path: `/tcp/:id/backends/:backend/${state}`,
    tag: 'TCP',
    summary,
    description,
    scope: 'write',
    query: z.strictObject({
      domain: z
        .string()
        .min(1)
        .max(253)
        .optional()
        .describe('Id of the domain config that has it; absent: the entry itself'),
    }),
    answers: { 200: { description: 'The backend', schema: tcpEndpointSchema } },
    refusals: [404],
    handle: async (control, request) => {
      const [id, backend] = [param(request, 'id'), param(request, 'backend')];
      const domain = request.query.domain ?? null;
      return { status: 200, body: await control.tcp.mark(id, domain, backend, state) };
    },
  });
}
