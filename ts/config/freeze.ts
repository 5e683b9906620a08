/**
 * Freezes a tree of plain data in place and returns it.
 *
 * Functions are left alone (hooks belong to the caller); what is frozen already is not walked
 * again, so items that two configurations share cost nothing the second time.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key in value) deepFreeze(value[key]);
  return value;
}
