import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderDocument } from '../scripts/generate-docs.ts';
import { renderDescriptions, renderSchema } from '../scripts/generate-schema.ts';
import { jsonSchema, type TJsonSchema } from '../ts/config/json-schema.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const again = 'run scripts/generate-schema.ts, then scripts/generate-docs.ts';

test('ts/config/descriptions.ts says what the public types say', () => {
  assert.equal(read('ts/config/descriptions.ts'), renderDescriptions(), again);
});

test('schema/dcrouter.schema.json is the schema that the router applies', async () => {
  assert.equal(read('schema/dcrouter.schema.json'), await renderSchema(), again);
});

test('docs/configuration.md has the reference of the schema', () => {
  const document = read('docs/configuration.md');
  assert.equal(document, renderDocument(document), again);
});

test('jsonSchema() describes every field', () => {
  const missing: string[] = [];
  walk(jsonSchema(), 'root', (property, path) => {
    if (!property.description && property.$ref === undefined) missing.push(path);
  });
  assert.deepEqual(missing, []);
});

test('jsonSchema() refers only to what it defines, and closes every map', () => {
  const schema = jsonSchema();
  const definitions = schema.$defs as Record<string, TJsonSchema>;
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/\$defs\/(\w+)"/g)) {
    assert.ok(name !== undefined && name in definitions, name);
  }
  walk(schema, 'root', (property, path) => {
    if (property.type === 'object') assert.ok('additionalProperties' in property, path);
  });
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.equal(schema.additionalProperties, false);
});

test('jsonSchema() lets variables stand for numbers and booleans', () => {
  const { $defs } = jsonSchema() as { $defs: Record<string, { properties: TJsonSchema }> };
  const port = $defs.IApiOptions?.properties.port;
  assert.deepEqual(port, {
    description: '0 takes a free one.',
    default: 7700,
    anyOf: [
      { type: 'integer', minimum: 0, maximum: 65535 },
      { type: 'string', pattern: '^\\$\\{[^}]*\\}$' },
    ],
  });
});

function walk(
  schema: TJsonSchema,
  path: string,
  visit: (property: TJsonSchema, path: string) => void,
): void {
  const parts = schema as Record<'properties' | '$defs', Record<string, TJsonSchema> | undefined>;
  for (const [key, property] of Object.entries(parts.properties ?? {})) {
    visit(property, `${path}.${key}`);
    walk(property, `${path}.${key}`, visit);
  }
  for (const [key, definition] of Object.entries(parts.$defs ?? {})) walk(definition, key, visit);
  for (const branch of (schema.oneOf ?? schema.anyOf ?? []) as TJsonSchema[]) {
    walk(branch, path, visit);
  }
}
