/** A place in the data: keys of maps and indices of lists, from the outermost. */
export type TPath = readonly (string | number)[];

/**
 * Spells a place as problems show it: `web.routes[3].headers.X-Team`; an odd key stands in quotes.
 */
export function formatPath(path: TPath, prefix = ''): string {
  let text = prefix;
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w$-]+$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** The value at a place, or undefined where there is none. */
export function valueAt(root: unknown, path: TPath): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}
