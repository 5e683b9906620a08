import type { z } from 'zod';
import type { ITokenInfo, TScope } from '../../ts_interfaces/index.ts';
import type { ControlPlane } from './control.ts';
import type { IPrecondition } from './entity-tag.ts';

/** What an operation gets to see of a request. */
export interface IOperationRequest<TQuery = unknown> {
  /** From the path, decoded. */
  params: Readonly<Record<string, string>>;
  /** Checked against the operation's schema. */
  query: TQuery;
  /** Parsed JSON, not checked yet, or the bytes of text; undefined: there was none. */
  body: unknown;
  /** `If-Match` and `If-None-Match`. */
  precondition: IPrecondition;
  /** Whose token it came with. */
  token: ITokenInfo;
}

/** What an operation answers. */
export interface IOperationAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as JSON; pieces of text are streamed as they are. Absent: no body. */
  body?: unknown;
  /** Media type of streamed text. @default 'application/json; charset=utf-8' */
  contentType?: string;
}

/** What the document says about an answer. */
export interface IAnswerSpec {
  description: string;
  /** Absent: no body. */
  schema?: z.ZodType;
  /** Media types. @default application/json */
  contentTypes?: readonly string[];
  /** Names of headers that it has. */
  headers?: readonly ('ETag' | 'Location' | 'Link')[];
}

/** What the document says about a body. */
export interface IBodySpec {
  schema: z.ZodType;
  /** Media types; those of text come as bytes. @default application/json */
  contentTypes?: readonly string[];
  /** May be left out. @default false */
  isOptional?: boolean;
  /** Bytes; above: 413. @default that of the server */
  bytesMax?: number;
}

/**
 * One operation of the API: what the server does and what the OpenAPI document says, in one place.
 */
export interface IOperation {
  /** Name, unique: `listRoutes`. */
  id: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`; parameters as `:name`. */
  path: string;
  tag: string;
  summary: string;
  description?: string;
  scope: TScope;
  query?: z.ZodObject;
  /** What it takes as body. */
  body?: IBodySpec;
  /** Conditional headers that it honours. */
  conditions?: readonly ('If-Match' | 'If-None-Match')[];
  answers: Readonly<Record<number, IAnswerSpec>>;
  /** Statuses of its own refusals; those that all operations share are left out. */
  refusals?: readonly number[];
  handle(
    control: ControlPlane,
    request: IOperationRequest,
  ): Promise<IOperationAnswer> | IOperationAnswer;
}

/** Defines an operation, with its query typed by its schema. */
export function operation<TQuery extends z.ZodObject = z.ZodObject>(
  spec: Omit<IOperation, 'query' | 'handle'> & {
    query?: TQuery;
    handle(
      control: ControlPlane,
      request: IOperationRequest<z.output<TQuery>>,
    ): Promise<IOperationAnswer> | IOperationAnswer;
  },
): IOperation {
  return spec as IOperation;
}

/** Media types that a PATCH takes: what RFC 7396 says, and plain JSON, with the same meaning. */
export const mergePatchTypes: readonly string[] = [
  'application/merge-patch+json',
  'application/json',
];
