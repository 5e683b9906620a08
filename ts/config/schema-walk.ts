import type { z } from 'zod';
import type { TPath } from './path.ts';
import { isObject } from './schema-object.ts';

type TDefinition = z.core.$ZodTypes['_zod']['def'];

/**
 * The schema of one place in the data, or undefined where nothing is accepted.
 *
 * The data decide between the branches of a union: by the discriminator, else by the kind of value.
 */
export function schemaAt(
  schema: z.core.$ZodType,
  path: TPath,
  input: unknown,
): z.core.$ZodType | undefined {
  const { schema: place, value } = placeAt(schema, path, input);
  return place === undefined ? undefined : branchFor(place, value);
}

/** The branch that the data choose of the union at a place; undefined where they choose none. */
export function branchAt(schema: z.core.$ZodType, path: TPath, input: unknown): number | undefined {
  const { schema: place, value } = placeAt(schema, path, input);
  const definition = definitionOf(place);
  if (place === undefined || definition?.type !== 'union') return undefined;
  const index = definition.options.indexOf(branchFor(place, value));
  return index === -1 ? undefined : index;
}

/** What stands at a place: its schema with all branches, and its value. */
function placeAt(
  schema: z.core.$ZodType,
  path: TPath,
  input: unknown,
): { schema: z.core.$ZodType | undefined; value: unknown } {
  let current: z.core.$ZodType | undefined = schema;
  let value = input;
  for (const part of path) {
    if (current === undefined) break;
    current = childOf(branchFor(current, value), part);
    value = isObject(value) || Array.isArray(value) ? Reflect.get(value, part) : undefined;
  }
  return { schema: current, value };
}

/** The keys that an object schema accepts with their schemas; undefined for other schemas. */
export function shapeOf(
  schema: z.core.$ZodType | undefined,
): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const definition = definitionOf(schema);
  return definition?.type === 'object' ? definition.shape : undefined;
}

/** What a schema accepts, to complete "Must be …": `a whole number from 1 to 65535`. */
export function expectationOf(schema: z.core.$ZodType | undefined): string {
  const definition = definitionOf(schema);
  switch (definition?.type) {
    case 'string':
      return 'a text';
    case 'boolean':
      return 'true or false';
    case 'number':
      return expectedNumber(definition);
    case 'array':
      return 'a list';
    case 'tuple':
      return `a list of ${definition.items.length} values`;
    case 'object':
    case 'record':
      return 'a map';
    case 'enum':
      return oneOf(Object.values(definition.entries));
    case 'literal':
      return oneOf(definition.values);
    case 'union':
      return [...new Set(definition.options.map(expectationOf))].join(', or ');
    default:
      return 'something else';
  }
}

/** A closed list of words, to complete "Must be …". */
export function oneOf(words: readonly unknown[]): string {
  const [only] = words;
  return words.length === 1 ? String(only) : `one of ${words.map(String).join(', ')}`;
}

/** The schema without `optional`, `default` and the like around it. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let current = schema;
  for (;;) {
    const definition = (current as z.core.$ZodTypes)._zod.def;
    if (!('innerType' in definition)) return current;
    current = definition.innerType;
  }
}

function definitionOf(schema: z.core.$ZodType | undefined): TDefinition | undefined {
  return schema === undefined ? undefined : (unwrap(schema) as z.core.$ZodTypes)._zod.def;
}

function childOf(schema: z.core.$ZodType, part: string | number): z.core.$ZodType | undefined {
  const definition = definitionOf(schema);
  switch (definition?.type) {
    case 'object':
      return Object.hasOwn(definition.shape, part) ? definition.shape[part] : undefined;
    case 'array':
      return definition.element;
    case 'record':
      return definition.valueType;
    case 'tuple':
      return typeof part === 'number' ? definition.items[part] : undefined;
    default:
      return undefined;
  }
}

function branchFor(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  const bare = unwrap(schema);
  const definition = definitionOf(bare);
  if (definition?.type !== 'union') return bare;
  const fits = definition.options.filter((option) => fitsKind(option, value));
  const tag = 'discriminator' in definition ? String(definition.discriminator) : undefined;
  if (tag === undefined) return (fits.length > 1 ? byKeys(fits, value) : fits[0]) ?? bare;
  const tagged = fits.find((option) => {
    const literal = shapeOf(option)?.[tag];
    return isObject(value) && literal?._zod.values?.has(value[tag] as string);
  });
  return tagged ?? bare;
}

/** Of the branches for maps the one that knows a key of the data, else the one that takes any key. */
function byKeys(branches: readonly z.core.$ZodType[], value: unknown): z.core.$ZodType | undefined {
  if (!isObject(value)) return undefined;
  const known = branches.find((branch) =>
    Object.keys(shapeOf(branch) ?? {}).some((key) => key in value),
  );
  return known ?? branches.find((branch) => definitionOf(branch)?.type === 'record');
}

function fitsKind(schema: z.core.$ZodType, value: unknown): boolean {
  const type = definitionOf(schema)?.type;
  switch (type) {
    case 'object':
    case 'record':
      return isObject(value);
    case 'array':
    case 'tuple':
      return Array.isArray(value);
    case 'enum':
      return typeof value === 'string';
    default:
      return typeof value === type;
  }
}

function expectedNumber(definition: z.core.$ZodNumberDef): string {
  const kind = 'format' in definition ? 'a whole number' : 'a number';
  let minimum = Number.NEGATIVE_INFINITY;
  let maximum = Number.POSITIVE_INFINITY;
  for (const { _zod: check } of definition.checks ?? []) {
    const bound = check.def as Partial<
      z.core.$ZodCheckLessThanDef | z.core.$ZodCheckGreaterThanDef
    >;
    if (bound.check === 'greater_than') minimum = Math.max(minimum, Number(bound.value));
    if (bound.check === 'less_than') maximum = Math.min(maximum, Number(bound.value));
  }
  return minimum === Number.NEGATIVE_INFINITY ? kind : `${kind} from ${minimum} to ${maximum}`;
}

/** What a place accepts instead of a text: a number, a boolean, or neither. */
export function acceptedScalar(
  schema: z.core.$ZodType,
  path: TPath,
  input: unknown,
): 'number' | 'boolean' | undefined {
  const definition = definitionOf(placeAt(schema, path, input).schema);
  const options = definition?.type === 'union' ? definition.options : [];
  for (const { type, ...rest } of [definition, ...options.map(definitionOf)].filter(isDefined)) {
    if (type === 'number' || type === 'boolean') return type;
    if (type === 'literal' && 'values' in rest && rest.values.every(isNumber)) return 'number';
  }
  return undefined;
}

function isDefined(definition: TDefinition | undefined): definition is TDefinition {
  return definition !== undefined;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}
