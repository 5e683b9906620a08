import { z } from 'zod';

/** Schemas of what clients send, by their names in the OpenAPI document. */
export const inputSchemas = z.registry<{ id: string }>();

/** Schemas of what we answer, by their names in the OpenAPI document. */
export const answerSchemas = z.registry<{ id: string }>();

/** Names a schema of what clients send. */
export function input<T extends z.ZodType>(id: string, schema: T): T {
  inputSchemas.add(schema, { id });
  return schema;
}

/** Names a schema of what we answer. */
export function answer<T extends z.ZodType>(id: string, schema: T): T {
  answerSchemas.add(schema, { id });
  return schema;
}

/** A page of a list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    items: z.array(item),
    total: z.int().min(0).describe('How many there are in all, after the filters'),
    nextCursor: z
      .string()
      .nullable()
      .describe('`cursor` of the next page; null: this was the last'),
  });
}
