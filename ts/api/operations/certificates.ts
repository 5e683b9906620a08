import { type IOperation, operation } from '../operation.ts';
import {
  certificateInfoSchema,
  certificateInputSchema,
  certificatePageSchema,
} from '../schemas/certificate.ts';
import { created, paged, pageQuery, param, segment } from './shared.ts';

const certificate = {
  description: 'The certificate, without its key',
  schema: certificateInfoSchema,
};

/** `/certificates` */
export const certificateOperations: readonly IOperation[] = [
  operation({
    id: 'listCertificates',
    method: 'GET',
    path: '/certificates',
    tag: 'Certificates',
    summary: 'List the certificates',
    description:
      'Those of `certificates` in the file and of this API; those in routes belong to them.',
    scope: 'read',
    query: pageQuery,
    answers: { 200: { description: 'A page', schema: certificatePageSchema, headers: ['Link'] } },
    handle: (control, { query }) => paged(control.certificates.list(query), '/certificates', query),
  }),
  operation({
    id: 'setCertificate',
    method: 'POST',
    path: '/certificates',
    tag: 'Certificates',
    summary: 'Upload or update the certificate of a domain',
    description: 'Served from the next handshake on; open connections stay. Mind `warnings`.',
    scope: 'write',
    body: { schema: certificateInputSchema },
    answers: { 200: certificate, 201: { ...certificate, headers: ['Location'] } },
    refusals: [422],
    handle: async (control, { body }) => {
      const done = await control.certificates.set(body);
      if (!done.created) return { status: 200, body: done.item };
      return created(done.item, `/certificates/${segment(done.item.domain)}`);
    },
  }),
  operation({
    id: 'getCertificate',
    method: 'GET',
    path: '/certificates/:domain',
    tag: 'Certificates',
    summary: 'Get what is known of a certificate',
    scope: 'read',
    answers: { 200: certificate },
    refusals: [404],
    handle: (control, request) => ({
      status: 200,
      body: control.certificates.get(param(request, 'domain')),
    }),
  }),
  operation({
    id: 'deleteCertificate',
    method: 'DELETE',
    path: '/certificates/:domain',
    tag: 'Certificates',
    summary: 'Remove a certificate',
    scope: 'write',
    answers: { 204: { description: 'Removed' } },
    refusals: [404],
    handle: async (control, request) => {
      await control.certificates.remove(param(request, 'domain'));
      return { status: 204 };
    },
  }),
];
