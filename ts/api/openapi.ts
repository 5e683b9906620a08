import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import type { IAnswerSpec, IOperation } from './operation.ts';
import { operations } from './operations/index.ts';
import { basePath } from './operations/shared.ts';
import { problemDetailsSchema } from './schemas/problem.ts';
import { answerSchemas, inputSchemas } from './schemas/registry.ts';

type TObject = Record<string, unknown>;

/** Refusals that every operation has. */
const commonRefusals = [400, 401, 403, 421, 429, 500, 503];

/** Refusals that operations with a body have on top. */
const bodyRefusals = [413, 415];

const headerSchemas: Record<string, TObject> = {
  ETag: { description: 'Version, for If-Match and If-None-Match', schema: { type: 'string' } },
  Location: { description: 'Address of what was made', schema: { type: 'string' } },
  Link: { description: 'Address of the next page (RFC 8288)', schema: { type: 'string' } },
};

let built: { version: string; document: TObject } | undefined;

/**
 * The OpenAPI 3.1 document of the API, made of the schemas that check requests.
 * @param version of the router.
 */
export function openApiDocument(version: string): TObject {
  if (built?.version !== version) built = { version, document: buildDocument(version) };
  return built.document;
}

function buildDocument(version: string): TObject {
  const paths: Record<string, TObject> = {};
  for (const operation of operations) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][operation.method.toLowerCase()] = operationObject(operation);
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'DcRouter management API',
      version,
      description:
        'Routes, TCP entries, DNS zones, access lists, limits, certificates, connections and ' +
        'statistics of a running DcRouter.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: basePath }],
    security: [{ token: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token `dcr_…` whose scopes include the one that the operation needs',
        },
      },
      schemas: { ...schemasOf(inputSchemas, 'input'), ...schemasOf(answerSchemas, 'output') },
    },
  };
}

function operationObject(operation: IOperation): TObject {
  const { id, tag, summary, description, scope, body } = operation;
  const parameters = parametersOf(operation);
  const needs = `Needs the scope \`${scope}\`.`;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: description === undefined ? needs : `${description}\n\n${needs}`,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: body.isOptional !== true,
            content: contentOf(body.schema, body.contentTypes ?? ['application/json'], 'input'),
          },
        }),
    responses: responsesOf(operation),
  };
}

function parametersOf({ path, query, conditions }: IOperation): TObject[] {
  const parameters: TObject[] = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: pathParameters[name as string],
    schema: { type: 'string', minLength: 1 },
  }));
  for (const name of conditions ?? []) {
    const description = '`*`, or entity tags as ETag gave them';
    parameters.push({ name, in: 'header', description, schema: { type: 'string' } });
  }
  if (query === undefined) return parameters;
  const { properties = {}, required = [], additionalProperties } = jsonSchemaOf(query, 'input');
  for (const [name, schema] of Object.entries(properties as Record<string, TObject>)) {
    const { description, ...rest } = schema;
    const isRequired = (required as string[]).includes(name);
    parameters.push({ name, in: 'query', required: isRequired, description, schema: rest });
  }
  if (typeof additionalProperties === 'object') {
    parameters.push({
      name: 'headers',
      in: 'query',
      description: 'Parameters `header.NAME`',
      style: 'form',
      explode: true,
      schema: {
        type: 'object',
        propertyNames: { pattern: '^header\\.' },
        additionalProperties: { type: 'string' },
      },
    });
  }
  return parameters;
}

const pathParameters: Record<string, string> = {
  vHost: 'Id of the route, or its virtual host where only one route has it',
  id: 'Its id',
  domain: 'The domain, e.g. `*.example.com`; of a domain config its id or one of its domains',
  name: 'Its name',
  backend: 'Id of the backend',
  range: 'A port or ports, e.g. `6000-6010`',
  zone: 'Id of the zone: `example.com`, or `example.com@internal` with a view',
  type: 'Type of the records, e.g. `AAAA`, `TYPE65`',
};

function responsesOf({ answers, refusals = [], body }: IOperation): TObject {
  const responses: TObject = {};
  for (const [status, spec] of Object.entries(answers)) responses[status] = answerObject(spec);
  const statuses = [...commonRefusals, ...(body === undefined ? [] : bodyRefusals), ...refusals];
  for (const status of [...new Set(statuses)].sort()) {
    responses[status] = problemResponse(STATUS_CODES[status] ?? String(status));
  }
  return responses;
}

function answerObject({ description, schema, contentTypes, headers = [] }: IAnswerSpec): TObject {
  return {
    description,
    ...(headers.length > 0
      ? { headers: Object.fromEntries(headers.map((name) => [name, headerSchemas[name]])) }
      : {}),
    ...(schema === undefined
      ? {}
      : { content: contentOf(schema, contentTypes ?? ['application/json'], 'output') }),
  };
}

function problemResponse(description: string): TObject {
  const content = contentOf(problemDetailsSchema, ['application/problem+json'], 'output');
  return { description, content };
}

function contentOf(schema: z.ZodType, types: readonly string[], io: 'input' | 'output'): TObject {
  // The configuration is answered in the form in which it is given.
  const id = (inputSchemas.get(schema) ?? answerSchemas.get(schema))?.id;
  const reference = id === undefined ? jsonSchemaOf(schema, io) : { $ref: referenceTo(id) };
  const text = { type: 'string' };
  return Object.fromEntries(
    types.map((type) => [type, { schema: type.startsWith('text/') ? text : reference }]),
  );
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): TObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function schemasOf(registry: typeof answerSchemas, io: 'input' | 'output'): TObject {
  const { schemas } = z.toJSONSchema(registry, { io, unrepresentable: 'any', uri: referenceTo });
  const cleaned = Object.entries(schemas).map(([id, { $schema: _dialect, $id: _id, ...rest }]) => {
    return [id, rest];
  });
  return Object.fromEntries(cleaned);
}

function referenceTo(id: string): string {
  return `#/components/schemas/${id}`;
}
