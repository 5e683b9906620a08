import { z } from 'zod';
import { DcError } from '../../core/errors.ts';
import { ApiError } from '../api-error.ts';
import { type IOperation, operation } from '../operation.ts';
import {
  binaryReloadSchema,
  configDiffSchema,
  configSchema,
  explanationSchema,
  jsonSchemaSchema,
  openApiSchema,
  reloadInputSchema,
  reloadSchema,
  statusSchema,
} from '../schemas/system.ts';
import { grants } from '../token-service.ts';
import type { IProcessControl } from '../types.ts';
import { problemsOfZod } from '../zod-problems.ts';
import { pageQuery } from './shared.ts';

const headersMax = 50;

/** `/status`, `/reload`, `/config`, `/explain` and the document itself. */
export const systemOperations: readonly IOperation[] = [
  operation({
    id: 'getStatus',
    method: 'GET',
    path: '/status',
    tag: 'System',
    summary: 'What runs, and what is wrong',
    scope: 'read',
    answers: { 200: { description: 'The state of the router', schema: statusSchema } },
    handle: async (control) => ({ status: 200, body: await control.status() }),
  }),
  operation({
    id: 'reload',
    method: 'POST',
    path: '/reload',
    tag: 'System',
    summary: 'Load the configuration file again',
    description:
      'All or nothing: with any problem nothing changes, and 422 names every problem. With ' +
      '`binary` a new process takes the ports over, and this one ends when it is drained.',
    scope: 'admin',
    body: { schema: reloadInputSchema, isOptional: true },
    answers: {
      200: { description: 'What has changed', schema: reloadSchema },
      202: { description: 'A new process takes over', schema: binaryReloadSchema },
    },
    refusals: [409, 422, 503],
    handle: async (control, { body }) => {
      const { process } = control;
      if (isBinary(body)) {
        return { status: 202, body: await handOver(process) };
      }
      if (process.configFile !== null) return { status: 200, body: await process.reload() };
      throw new ApiError('NO_CONFIG_FILE', 'The router was started without a configuration file');
    },
  }),
  operation({
    id: 'getConfig',
    method: 'GET',
    path: '/config',
    tag: 'Configuration',
    summary: 'The configuration in effect',
    description: 'The file with what the API changed over it; secrets are masked.',
    scope: 'read',
    answers: { 200: { description: 'The configuration', schema: configSchema } },
    handle: (control) => ({ status: 200, body: control.configuration.export({ format: 'json' }) }),
  }),
  operation({
    id: 'exportConfig',
    method: 'GET',
    path: '/config/export',
    tag: 'Configuration',
    summary: 'The configuration in effect, as a file',
    description: 'A file that would bring it back: what the file says and what the API changed.',
    scope: 'read',
    query: z.strictObject({
      format: z.enum(['yaml', 'json']).default('yaml'),
      secrets: z
        .enum(['true', 'false'])
        .default('false')
        .describe('Secrets as they are instead of masks: needs the scope `admin`'),
    }),
    answers: {
      200: {
        description: 'The file',
        schema: configSchema,
        contentTypes: ['application/yaml', 'application/json'],
      },
    },
    handle: (control, { query, token }) => {
      const secrets = query.secrets === 'true';
      if (secrets && !grants(token.scopes, 'admin')) {
        throw new ApiError('FORBIDDEN', 'Secrets are shown to tokens with the scope "admin" alone');
      }
      const { format } = query;
      const contentType = format === 'yaml' ? 'application/yaml; charset=utf-8' : undefined;
      return { status: 200, body: control.configuration.export({ format, secrets }), contentType };
    },
  }),
  operation({
    id: 'getConfigSchema',
    method: 'GET',
    path: '/config/schema',
    tag: 'Configuration',
    summary: 'The JSON Schema of the configuration file',
    scope: 'read',
    answers: { 200: { description: 'JSON Schema, draft 2020-12', schema: jsonSchemaSchema } },
    handle: async () => {
      const { jsonSchema } = await import('../../config/json-schema.ts');
      return { status: 200, body: jsonSchema() };
    },
  }),
  operation({
    id: 'getConfigDiff',
    method: 'GET',
    path: '/config/diff',
    tag: 'Configuration',
    summary: 'How the file and what is live differ',
    description:
      'What was written into the file and not loaded yet, and (in pages) what the API changed over the file.',
    scope: 'read',
    query: pageQuery,
    answers: { 200: { description: 'The differences', schema: configDiffSchema } },
    handle: async (control, { query }) => ({
      status: 200,
      body: await control.configuration.diff(query),
    }),
  }),
  operation({
    id: 'explain',
    method: 'GET',
    path: '/explain',
    tag: 'Routes',
    summary: 'Which route would take a request, and why',
    description: 'Headers of the request as `header.NAME=value`. Nothing is sent anywhere.',
    scope: 'read',
    query: z
      .strictObject({
        url: z.string().min(1).max(16_384).describe('URL, or host and path'),
        method: z.string().min(1).max(64).optional().describe('GET when absent'),
      })
      .catchall(z.string().max(8_192)),
    answers: { 200: { description: 'The explanation', schema: explanationSchema } },
    handle: (control, { query }) => {
      const { url, method, ...rest } = query;
      const body = control.explain({ url, method, headers: headersOf(rest) });
      return { status: 200, body };
    },
  }),
  operation({
    id: 'getOpenApi',
    method: 'GET',
    path: '/openapi.json',
    tag: 'System',
    summary: 'This document',
    scope: 'read',
    answers: { 200: { description: 'OpenAPI 3.1', schema: openApiSchema } },
    handle: async (control) => {
      const { openApiDocument } = await import('../openapi.ts');
      return { status: 200, body: openApiDocument(control.process.version) };
    },
  }),
];

/** @throws ApiError `BODY_INVALID` (422) */
function isBinary(body: unknown): boolean {
  if (body === undefined) return false;
  const parsed = reloadInputSchema.safeParse(body);
  if (parsed.success) return parsed.data.binary === true;
  throw new ApiError('BODY_INVALID', 'The body is not valid', {
    problems: problemsOfZod(reloadInputSchema, body, parsed.error),
  });
}

/** @throws ApiError `NO_BINARY_RELOAD` (409) when it cannot be done, or not now; nothing has changed. */
async function handOver(process: IProcessControl): Promise<{ pid: number }> {
  if (process.reloadBinary === undefined) {
    const message = 'This router cannot hand its ports over: it was not started by "dcrouter run"';
    throw new ApiError('NO_BINARY_RELOAD', message);
  }
  try {
    return await process.reloadBinary();
  } catch (error) {
    // One is under way already, or the new process did not begin: what happened is worth saying.
    if (!(error instanceof DcError)) throw error;
    if (error.code !== 'NOT_RUNNING' && error.code !== 'WORKER_FAILED') throw error;
    throw new ApiError('NO_BINARY_RELOAD', error.message, { cause: error });
  }
}

function headersOf(parameters: Readonly<Record<string, string>>): Record<string, string> {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(parameters)) {
    const header = /^header\.([!#$%&'*+.^_`|~0-9A-Za-z-]+)$/.exec(name)?.[1];
    if (header === undefined || headers.length >= headersMax) {
      const message = `Must be url, method or header.NAME (at most ${headersMax})`;
      throw new ApiError('REQUEST_INVALID', `The parameter "${name}" is not known`, {
        problems: [{ path: name, message }],
      });
    }
    headers.push([header.toLowerCase(), value]);
  }
  return Object.fromEntries(headers);
}
