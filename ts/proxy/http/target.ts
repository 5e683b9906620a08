import { hexValue } from './characters.ts';

/** The path of a request target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.substring(0, query);
}

/**
 * Brings the path of a target into its normal form (RFC 3986 §6.2.2), so that a route's path
 * conditions and the backend see the same path: encoded letters, digits, `-`, `.`, `_` and `~` are
 * decoded, `.` and `..` segments resolved.
 *
 * @returns null for a path that climbs above the root, has a `%` without its digits, or dots that are
 * a segment only to those who take `%2F`, `\` or `;` for its end.
 */
export function resolveDots(target: string): string | null {
  if (!needsWork(target)) return target;
  const sent = pathOf(target);
  const path = decodeUnreserved(sent);
  if (path === null) return null;
  const resolved = path.includes('.') ? resolveSegments(path) : path;
  return resolved === null ? null : resolved + target.substring(sent.length);
}

/** Whether the path has a `%`, a backslash, or a segment that begins with a dot. */
function needsWork(target: string): boolean {
  let before = 0;
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code === 63) return false;
    if (code === 37 || code === 92 || (code === 46 && before === 47)) return true;
    before = code;
  }
  return false;
}

/** A `%` that begins no escape is refused: decoding what stands behind it could make it begin one. */
function decodeUnreserved(path: string): string | null {
  let decoded = '';
  let done = 0;
  for (let at = path.indexOf('%'); at !== -1; at = path.indexOf('%', at + 3)) {
    const high = at + 2 < path.length ? (hexValue[path.charCodeAt(at + 1)] as number) : 255;
    const low = at + 2 < path.length ? (hexValue[path.charCodeAt(at + 2)] as number) : 255;
    if (high === 255 || low === 255) return null;
    const character = String.fromCharCode(high * 16 + low);
    if (!/[0-9A-Za-z._~-]/.test(character)) continue;
    decoded += path.substring(done, at) + character;
    done = at + 3;
  }
  return done === 0 ? path : decoded + path.substring(done);
}

function resolveSegments(path: string): string | null {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    if (segment === '.' || segment === '..') {
      if (segment === '..' && kept.pop() === undefined) return null;
      if (index === segments.length - 1) kept.push('');
    } else if (hidesDots(segment)) {
      return null;
    } else {
      kept.push(segment);
    }
  }
  return `/${kept.join('/')}`;
}

/** `..%2Fx`, `..\x` and `..;x` lead upwards on servers that decode, are lenient, or know parameters. */
function hidesDots(segment: string): boolean {
  if (!segment.includes('.') || !/[\\;]|%2f|%5c/i.test(segment)) return false;
  return segment.split(/\\|%2f|%5c/i).some((part) => /^\.\.?(;|$)/.test(part));
}

/** Takes `strip` off the path, if it starts with it, and puts `add` in front. */
export function rewritePath(target: string, strip: string | null, add: string | null): string {
  // `*` and the authority of CONNECT are no paths.
  if (target.charCodeAt(0) !== 47) return target;
  let rewritten = target;
  if (strip !== null && target.startsWith(strip)) {
    const next = target.charCodeAt(strip.length);
    if (next === 47) rewritten = target.substring(strip.length);
    else if (Number.isNaN(next) || next === 63) rewritten = `/${target.substring(strip.length)}`;
  }
  return add === null ? rewritten : add + rewritten;
}
