import { JsonText } from '../config/json-text.ts';
import { LineMap } from '../config/line-map.ts';
import type { IProblem } from '../core/errors.ts';
import { ApiError } from './api-error.ts';

/** Problems that an answer names at most. */
const problemsMax = 20;

/**
 * Parses a JSON body more strictly than `JSON.parse`, which keeps the last of several equal keys
 * (RFC 8259 §4: nobody knows which one counts) and makes `__proto__` an ordinary key that later
 * copies trip over.
 *
 * @throws ApiError `MALFORMED_JSON` (400) with line and column: not JSON, not UTF-8, a key that
 *   stands twice in one object, the key `__proto__`, or a nesting deeper than 100.
 */
export function parseJson(body: Buffer | string): unknown {
  const text = typeof body === 'string' ? body : decodeUtf8(body);
  const { faults } = new JsonText(text, false);
  if (faults.length > 0) {
    const lines = new LineMap(text);
    throw malformed(
      'The body is not valid JSON',
      faults.slice(0, problemsMax).map(({ offset, message }) => {
        return { path: '', message, ...lines.placeOf(offset) };
      }),
    );
  }
  return JSON.parse(text, refuseProto);
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw malformed('The body is not valid UTF-8', []);
  }
}

function refuseProto(key: string, value: unknown): unknown {
  if (key !== '__proto__') return value;
  const message = 'Must be another key: "__proto__" is not accepted';
  throw malformed('The body has a key that is not accepted', [{ path: key, message }]);
}

function malformed(message: string, problems: readonly IProblem[]): ApiError {
  return new ApiError('MALFORMED_JSON', message, { problems });
}
