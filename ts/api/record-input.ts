import type { z } from 'zod';
import { DcError, type IProblem } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import { isObject } from './merge-patch.ts';
import {
  namedRecordSetSchema,
  recordBatchSchema,
  revertInputSchema,
} from './schemas/zone-records.ts';
import { problemsOfZod } from './zod-problems.ts';

/** A record set as it was sent, with its form checked. */
export type IRecordSetInput = z.output<typeof namedRecordSetSchema>;

/** The same in a batch. */
export type IRecordChangeInput = z.output<typeof recordBatchSchema>[number];

/** What a reader has and a writer may send back; it is left out. */
const shownKeys = ['origin', 'owners'];

/**
 * The form of a record set.
 *
 * @param place name and type of the address, which the body may repeat.
 * @throws DcError `ZONE_INVALID` with every problem.
 */
export function readRecordSetBody(
  body: unknown,
  place: { name: string; type: string },
): IRecordSetInput {
  const input = isObject(body) ? { ...place, ...withoutShown(body) } : body;
  return parsed(namedRecordSetSchema, input);
}

/**
 * The form of a batch.
 * @throws DcError `ZONE_INVALID` with every problem.
 */
export function readBatch(body: unknown): IRecordChangeInput[] {
  return parsed(recordBatchSchema, Array.isArray(body) ? body.map(setOf) : body);
}

function setOf(body: unknown): unknown {
  return isObject(body) ? withoutShown(body) : body;
}

/** What is to be reverted. @throws ApiError `BODY_INVALID` (422) */
export function readRevert(body: unknown = {}): z.output<typeof revertInputSchema> {
  const { success, data, error } = revertInputSchema.safeParse(body);
  if (success && (data.type === undefined || data.name !== undefined)) return data;
  const problems = success
    ? [{ path: 'name', message: 'Must be there where "type" is' }]
    : problemsOfZod(revertInputSchema, body, error);
  throw new ApiError('BODY_INVALID', 'The body is not valid', { problems });
}

/** @throws DcError `ZONE_INVALID` where there are problems; the first 100 are named. */
export function refuseRecords(problems: readonly IProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  const place = first.path === '' ? '' : `${first.path}: `;
  const message = `Cannot use these records: ${place}${first.message}${more}`;
  throw new DcError('ZONE_INVALID', message, { problems: problems.slice(0, 100) });
}

function parsed<TSchema extends z.ZodType>(schema: TSchema, input: unknown): z.output<TSchema> {
  const result = schema.safeParse(input);
  if (!result.success) refuseRecords(problemsOfZod(schema, input, result.error));
  return result.data as z.output<TSchema>;
}

function withoutShown(body: Record<string, unknown>): Record<string, unknown> {
  const rest = { ...body };
  for (const key of shownKeys) delete rest[key];
  return rest;
}
