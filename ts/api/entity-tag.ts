import { createHmac, randomBytes } from 'node:crypto';
import { DcError } from '../core/errors.ts';
import { ApiError } from './api-error.ts';
import type { ILiveEndpoint } from './types.ts';

/**
 * Tags say nothing about the secrets that are in what they stand for: the key never leaves the
 * process.
 */
const processKey = randomBytes(32);

/** A digest that only this process can make: 16 hex digits. */
export function keyedDigest(text: string): string {
  return createHmac('sha256', processKey).update(text).digest('hex').slice(0, 16);
}

/**
 * The entity tag of a configured item with live state: `"<configuration>.<state>"`.
 *
 * `If-None-Match` compares all of it, so a 304 never hides that a backend died. `If-Match` compares
 * only the first half: a change must not fail because a health probe came between reading and
 * writing. Tags change when the process restarts.
 */
export function entityTag(config: unknown, state = ''): string {
  return `"${keyedDigest(JSON.stringify(config))}.${keyedDigest(state).slice(0, 8)}"`;
}

/** The state of endpoints, as text for `entityTag`. */
export function stateOf(endpoints: readonly ILiveEndpoint[]): string {
  let state = '';
  for (const { isDead, deadSince, failureCount, maintenance } of endpoints) {
    state += `${isDead} ${deadSince || 0} ${failureCount} ${maintenance === true},`;
  }
  return state;
}

/** Condition on the current entity tag: any (`*`), or one of these. */
export type TTagCondition = '*' | readonly string[];

/** When a change or a read may go ahead. */
export interface IPrecondition {
  ifMatch?: TTagCondition;
  ifNoneMatch?: TTagCondition;
}

/**
 * Parses `If-Match` or `If-None-Match`.
 * @throws ApiError `REQUEST_INVALID` (400) when it is neither `*` nor a list of entity tags (RFC
 *   9110 §8.8.3).
 */
export function parseTagCondition(
  name: string,
  value: string | undefined,
): TTagCondition | undefined {
  if (value === undefined) return undefined;
  if (value.trim() === '*') return '*';
  const tags = value.split(',').map((tag) => tag.trim());
  if (tags.every((tag) => /^(?:W\/)?"[!#-~\x80-\xff]*"$/.test(tag))) return tags;
  const message = `${name} must be "*" or entity tags in double quotes, as the ETag header gave them`;
  throw new ApiError('REQUEST_INVALID', message, { problems: [{ path: name, message, value }] });
}

/**
 * Checks a change's condition against the current tag; `undefined`: there is nothing yet.
 * @throws DcError `PRECONDITION_FAILED` (412)
 */
export function checkPrecondition(
  precondition: IPrecondition | undefined,
  current: string | undefined,
): void {
  const { ifMatch, ifNoneMatch } = precondition ?? {};
  if (ifMatch !== undefined && !matchesForWrite(ifMatch, current)) {
    throw new DcError(
      'PRECONDITION_FAILED',
      current === undefined
        ? 'If-Match names a version, but there is nothing here'
        : 'If-Match names a version that is no longer the current one: read it again',
    );
  }
  if (ifNoneMatch !== undefined && matchesForRead(ifNoneMatch, current)) {
    throw new DcError('PRECONDITION_FAILED', 'If-None-Match: this version is there already');
  }
}

/**
 * Whether a reader has this version already, so that 304 says it all (RFC 9110 §13.1.2, weak
 * comparison).
 */
export function matchesForRead(condition: TTagCondition, current: string | undefined): boolean {
  if (current === undefined) return false;
  return condition === '*' || condition.some((tag) => tag.replace(/^W\//, '') === current);
}

/** RFC 9110 §13.1.1, strong comparison (of the half that a client can change). */
function matchesForWrite(condition: TTagCondition, current: string | undefined): boolean {
  if (current === undefined) return false;
  return condition === '*' || condition.some((tag) => configHalf(tag) === configHalf(current));
}

function configHalf(tag: string): string {
  return tag.split('.')[0] ?? tag;
}
