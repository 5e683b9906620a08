import { z } from 'zod';
import { type IOperation, operation } from '../operation.ts';
import {
  dnsAnswerSchema,
  dnsCachePageSchema,
  dnsCacheQuery,
  dnsFlushedSchema,
  dnsFlushQuery,
  dnsQueryInputSchema,
  dnsQueryParameters,
  dnsStatsSchema,
  masterFileSchema,
  ownedInputSchema,
  ownedPageSchema,
  ownedQuery,
  ownedRemovedSchema,
  ownedRemoveQuery,
  ownedSchema,
  zoneCheckSchema,
} from '../schemas/dns.ts';
import { paged, pageQuery } from './shared.ts';
import { bytesOf, masterFileBytesMax, masterFileTypes } from './zones.ts';

const answered = {
  description: 'The answer, and the path that led to it',
  schema: dnsAnswerSchema,
};

/** `/dns` but for its zones. */
export const dnsOperations: readonly IOperation[] = [
  operation({
    id: 'queryDns',
    method: 'GET',
    path: '/dns/query',
    tag: 'DNS',
    summary: 'Ask our own name servers or the resolver',
    description: 'With the path that led to the answer.',
    scope: 'read',
    query: dnsQueryParameters,
    answers: { 200: answered },
    handle: async (control, { query }) => {
      const { dnssec, checkingDisabled, trace, ...question } = query;
      const flags = Object.entries({ dnssec, checkingDisabled, trace }).map(([name, value]) => {
        return [name, value === 'true'] as const;
      });
      const body = await control.dns.query({ ...question, ...Object.fromEntries(flags) });
      return { status: 200, body };
    },
  }),
  operation({
    id: 'postDnsQuery',
    method: 'POST',
    path: '/dns/query',
    tag: 'DNS',
    summary: 'Ask our own name servers or the resolver, with the question as body',
    scope: 'read',
    body: { schema: dnsQueryInputSchema },
    answers: { 200: answered },
    refusals: [422],
    handle: async (control, { body }) => ({ status: 200, body: await control.dns.query(body) }),
  }),
  operation({
    id: 'getDnsCache',
    method: 'GET',
    path: '/dns/cache',
    tag: 'DNS',
    summary: 'Look into the cache of the resolver',
    description: 'What was used last comes first; in pages.',
    scope: 'read',
    query: pageQuery.extend(dnsCacheQuery.shape),
    answers: { 200: { description: 'A page', schema: dnsCachePageSchema, headers: ['Link'] } },
    handle: (control, { query }) => {
      const page = control.dns.look({ ...query, below: query.below === 'true' });
      return paged(page, '/dns/cache', query);
    },
  }),
  operation({
    id: 'flushDnsCache',
    method: 'DELETE',
    path: '/dns/cache',
    tag: 'DNS',
    summary: 'Let the resolver forget a name, or all',
    scope: 'write',
    query: dnsFlushQuery,
    answers: { 200: { description: 'How many answers', schema: dnsFlushedSchema } },
    handle: (control, { query: { name, below } }) => {
      const flushed = control.dns.flush({ name, below: below === 'true' });
      return { status: 200, body: { flushed } };
    },
  }),
  operation({
    id: 'getDnsStats',
    method: 'GET',
    path: '/dns/stats',
    tag: 'DNS',
    summary: 'Statistics of name servers, resolver, transfers and updates',
    scope: 'read',
    answers: { 200: { description: 'Since the start', schema: dnsStatsSchema } },
    handle: async (control) => ({ status: 200, body: await control.dns.stats() }),
  }),
  operation({
    id: 'checkZoneFile',
    method: 'POST',
    path: '/dns/check',
    tag: 'DNS',
    summary: 'Find what is wrong with a master file',
    description: 'What named-checkzone and kzonecheck would find. Nothing changes.',
    scope: 'read',
    query: z.strictObject({
      origin: z.string().min(1).max(1_200).describe('Name of the zone'),
      zone: z
        .string()
        .min(1)
        .max(1_200)
        .optional()
        .describe('Id of one of ours, whose serial it has to be above'),
    }),
    body: {
      schema: masterFileSchema,
      contentTypes: masterFileTypes,
      bytesMax: masterFileBytesMax,
    },
    answers: { 200: { description: 'What was found', schema: zoneCheckSchema } },
    refusals: [404],
    handle: async (control, { query, body }) => {
      const found = await control.dns.check(bytesOf(body), query.origin, query.zone);
      return { status: 200, body: found };
    },
  }),
  operation({
    id: 'listOwnedRecords',
    method: 'GET',
    path: '/dns/owned',
    tag: 'DNS',
    summary: 'List records that parts of the router, or programs, set for a purpose',
    description: 'They are beside the records of their zone; ordered by owner, in pages.',
    scope: 'read',
    query: pageQuery.extend(ownedQuery.shape),
    answers: { 200: { description: 'A page', schema: ownedPageSchema, headers: ['Link'] } },
    handle: (control, { query }) => paged(control.dns.owned(query), '/dns/owned', query),
  }),
  operation({
    id: 'putOwnedRecords',
    method: 'PUT',
    path: '/dns/owned',
    tag: 'DNS',
    summary: 'Add records to those of a name, for an owner and a purpose',
    description: 'In place of what this owner has at the name and type.',
    scope: 'write',
    body: { schema: ownedInputSchema },
    answers: { 200: { description: 'What was set', schema: ownedSchema } },
    refusals: [404, 422],
    handle: async (control, { body }) => ({ status: 200, body: await control.dns.own(body) }),
  }),
  operation({
    id: 'deleteOwnedRecords',
    method: 'DELETE',
    path: '/dns/owned',
    tag: 'DNS',
    summary: 'Remove the records of an owner, or some of them',
    scope: 'write',
    query: ownedRemoveQuery,
    answers: { 200: { description: 'How many record sets', schema: ownedRemovedSchema } },
    handle: async (control, { query: { owner, name, type } }) => {
      return { status: 200, body: { removed: await control.dns.disown(owner, name, type) } };
    },
  }),
];
