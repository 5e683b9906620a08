import { type IOperation, operation } from '../operation.ts';
import type { ITokenInput } from '../schemas/token.ts';
import { newTokenSchema, tokenInputSchema, tokenListSchema } from '../schemas/token.ts';
import { param } from './shared.ts';

/** `/tokens` */
export const tokenOperations: readonly IOperation[] = [
  operation({
    id: 'listTokens',
    method: 'GET',
    path: '/tokens',
    tag: 'Tokens',
    summary: 'List the tokens',
    scope: 'admin',
    answers: { 200: { description: 'All of them, the oldest first', schema: tokenListSchema } },
    handle: (control) => {
      const items = control.tokens.list();
      return { status: 200, body: { items, total: items.length } };
    },
  }),
  operation({
    id: 'createToken',
    method: 'POST',
    path: '/tokens',
    tag: 'Tokens',
    summary: 'Create a token',
    description: 'Its secret is in this answer and nowhere else.',
    scope: 'admin',
    body: { schema: tokenInputSchema },
    answers: { 201: { description: 'With its secret', schema: newTokenSchema } },
    refusals: [422],
    handle: async (control, { body }) => ({
      status: 201,
      body: await control.tokens.create(body as ITokenInput),
    }),
  }),
  operation({
    id: 'deleteToken',
    method: 'DELETE',
    path: '/tokens/:id',
    tag: 'Tokens',
    summary: 'Revoke a token',
    description: 'Not the last one with the scope `admin`.',
    scope: 'admin',
    answers: { 204: { description: 'Revoked: its next request gets 401' } },
    refusals: [404, 409],
    handle: async (control, request) => {
      await control.tokens.remove(param(request, 'id'));
      return { status: 204 };
    },
  }),
];
