import type { TErrorCode } from '../core/errors.ts';
import type { IEncodedChange } from './encode.ts';

/** What the worker is asked. It answers each with one reply, in the order of the requests. */
export type TSqliteRequest =
  | { id: number; type: 'entries'; collection: string }
  | { id: number; type: 'get'; collection: string; key: string }
  | { id: number; type: 'write'; changes: IEncodedChange[] }
  | { id: number; type: 'close' };

/** What a request brings: rows of key and JSON text, one JSON text, or nothing. */
export type TSqliteResult = [key: string, text: string][] | string | undefined;

/** The worker's reply. The one with id 0 comes by itself: the store is open, or is not. */
export interface ISqliteReply {
  id: number;
  result?: TSqliteResult;
  error?: { code: TErrorCode; message: string };
}
