import { randomUUID } from 'node:crypto';

/** Ids that are made from one random UUID, by counting in its last four digits. */
const idsPerPrefix = 65_536;

const hexBytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let prefix = '';
let count = idsPerPrefix;

/**
 * A UUID (version 4 in form) for a request.
 *
 * Unique, not secret: within a series of 65,536 only the last digits differ,
 * because drawing each one anew costs the hot path more than parsing a request.
 */
export function newRequestId(): string {
  if (count === idsPerPrefix) {
    prefix = randomUUID().slice(0, 32);
    count = 0;
  }
  const at = count++;
  return prefix + hexBytes[at >> 8] + hexBytes[at & 255];
}
