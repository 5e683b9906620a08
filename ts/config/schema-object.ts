import { z } from 'zod';

/**
 * What a check sees of an object: its fields may be of any type, for they may have been refused
 * already.
 */
export type TLooseObject = Readonly<Record<string, unknown>>;

/** Reports one problem; `path` is relative to the object that is checked. */
export type TRefuse = (path: (string | number)[], problem: string, suggestion?: string) => void;

/** Tells whether a value is an object that is no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A check across the fields of an object. It also runs when single fields are refused, so that all
 * problems are reported together.
 */
export function objectCheck<T>(
  check: (value: TLooseObject, refuse: TRefuse) => void,
): z.core.$ZodCheck<T> {
  const result = z.check<T>((payload) => {
    if (!isObject(payload.value)) return;
    check(payload.value, (path, message, suggestion) => {
      payload.issues.push({
        code: 'custom',
        input: payload.value,
        path,
        message,
        params: { suggestion },
        continue: true,
      });
    });
  });
  result._zod.def.when = (payload) => isObject(payload.value);
  return result;
}

/** A list of at least one item; `what` completes "Must name at least one …". */
export function filledArray<T extends z.ZodType>(item: T, what: string): z.ZodArray<T> {
  return z.array(item).check((payload) => {
    if (payload.value.length > 0) return;
    payload.issues.push({
      code: 'custom',
      input: payload.value,
      message: `Must name at least one ${what}, or be absent`,
      continue: true,
    });
  });
}

/** Fails to compile unless the first type fits the second. */
export type TFits<TGiven extends TWanted, TWanted> = TGiven;
