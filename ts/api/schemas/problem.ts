import { z } from 'zod';
import { answer } from './registry.ts';

/** `IProblem`: one thing that is wrong. */
export const problemSchema = answer(
  'ProblemItem',
  z.strictObject({
    path: z.string().describe('Place in what was sent or configured, e.g. `backends[0].port`'),
    message: z.string(),
    value: z.unknown().optional().describe('What was given; never a secret'),
    file: z.string().optional(),
    line: z.int().optional(),
    column: z.int().optional(),
    suggestion: z.string().optional().describe('The nearest accepted word'),
  }),
);

/** Every refusal. RFC 9457. */
export const problemDetailsSchema = answer(
  'Problem',
  z.strictObject({
    type: z.string().describe('Always `about:blank`: `code` says what it is'),
    title: z.string().describe('The phrase of the status'),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What is wrong, for people'),
    code: z.string().describe('What is wrong, for programs, e.g. `ROUTE_EXISTS`'),
    requestId: z.string().describe('The log names the request by it'),
    problems: z.array(problemSchema),
  }),
);
