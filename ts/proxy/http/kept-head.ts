import { RequestHead } from './request-head.ts';
import { resolveDots } from './target.ts';

const head = new RequestHead();

/**
 * Reads a head again that was parsed before and kept as text: whatever waits for an answer cannot
 * keep the parsed one, which the next request overwrites.
 *
 * @param text `fields.text` of the parsed head.
 * @returns the head as it was when its route was found; valid until the next call.
 */
export function readAgain(text: string): RequestHead {
  const bytes = Buffer.from(text, 'latin1');
  const { length } = bytes;
  // It was within the limits of its time.
  head.parse(bytes, 0, length, {
    headBytesMax: length,
    headerCountMax: length,
    uriBytesMax: length,
  });
  normalizeTarget(head);
  return head;
}

/** Brings the target into its normal form; false for one that no path may have. */
export function normalizeTarget(request: RequestHead): boolean {
  const target = resolveDots(request.target);
  if (target === null) return false;
  if (target === request.target) return true;
  request.target = target;
  request.isLineUnchanged = false;
  return true;
}
