import { ApiError } from './api-error.ts';

/** A page of a list. */
export interface IPage<T> {
  items: T[];
  /** How many there are in all, after the filters. */
  total: number;
  /** Give it as `cursor` to get the next page; null: this was the last one. */
  nextCursor: string | null;
}

/** Which page. */
export interface IPageQuery {
  /** 1 to 1000. @default 100 */
  limit?: number;
  /** `nextCursor` of the page before; it stays good when items come or go. */
  cursor?: string;
}

/** Items of a page when the query names no number. */
export const pageLimitDefault = 100;

/** Items that a page has at most. */
export const pageLimitMax = 1000;

/** A cursor that stands after an item. */
export function cursorAfter(name: string | null): string | null {
  return name === null ? null : Buffer.from(name, 'utf8').toString('base64url');
}

/**
 * The item that a cursor stands after.
 * @throws ApiError `REQUEST_INVALID` (400) when it is none of ours.
 */
export function nameOfCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const name = Buffer.from(cursor, 'base64url').toString('utf8');
  if (name !== '' && cursorAfter(name) === cursor) return name;
  const message = 'Must be the nextCursor of an earlier page';
  throw new ApiError('REQUEST_INVALID', 'The cursor is none of ours', {
    problems: [{ path: 'cursor', message, value: cursor }],
  });
}
