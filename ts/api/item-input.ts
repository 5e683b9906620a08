import { DcError, type TErrorCode } from '../core/errors.ts';
import { unmask } from './mask.ts';
import { isObject } from './merge-patch.ts';

/** How messages speak of a kind of items. */
export interface IItemWords {
  /** `route`: "Cannot use this route". */
  readonly noun: string;
  /** What its key is called: `id`, `name`. */
  readonly nameOf: string;
  readonly invalid: TErrorCode;
}

/** The refusal of a place in an item. */
export function refused(
  words: Pick<IItemWords, 'noun' | 'invalid'>,
  path: string,
  message: string,
  more: { value?: unknown; suggestion?: string } = {},
): DcError {
  const place = path === '' ? '' : `${path}: `;
  return new DcError(words.invalid, `Cannot use this ${words.noun}: ${place}${message}`, {
    problems: [{ path, message, ...more }],
  });
}

/** The refusal of what is no JSON object. */
export function notAnObject(words: Pick<IItemWords, 'noun' | 'invalid'>): DcError {
  return refused(words, '', 'Must be an object');
}

/** @throws DcError when a change would rename an item, or a new one has another name than its address. */
export function checkSameName(
  words: IItemWords,
  given: string,
  wanted: string,
  isNew = false,
): void {
  if (given === wanted) return;
  const message = isNew
    ? `Must be the ${words.nameOf} that the address names`
    : `Must stay as it is: add another ${words.noun} and remove this one`;
  throw refused(words, words.nameOf, message, { value: given, suggestion: wanted });
}

/**
 * An input with the current secrets in place of their masks.
 * @throws DcError when it is no object, or has masks that stand for none.
 */
export function unmasked(
  words: Pick<IItemWords, 'noun' | 'invalid'>,
  input: unknown,
  current: unknown,
): Record<string, unknown> {
  if (!isObject(input)) throw notAnObject(words);
  const { value, problems } = unmask(input, current);
  if (problems.length === 0) return value as Record<string, unknown>;
  const message = `Cannot use this ${words.noun}: it has masked secrets`;
  throw new DcError(words.invalid, message, { problems });
}
