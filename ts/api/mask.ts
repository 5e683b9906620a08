import { formatPath, type TPath } from '../config/path.ts';
import { isSecret, SECRET_MASK } from '../config/secrets.ts';
import type { IProblem } from '../core/errors.ts';
import { keyedDigest } from './entity-tag.ts';
import { isObject } from './merge-patch.ts';

const maskPattern = /^\[redacted:[0-9a-f]{16}\]$/;

/** Members that hold no secret, of a route and of a backend. Any other one is looked into. */
const openMembers = new Set<string>([
  ...[
    'id',
    'vHost',
    'strategy',
    'autoHttps',
    'reqQueueLength',
    'reqActiveLength',
    'queueTimeoutMs',
  ],
  ...['paths', 'methods', 'priority', 'authProvider', 'upstreamHost', 'stripPrefix', 'addPrefix'],
  ...['redirect', 'forwarded', 'allowConnect', 'sticky', 'retry', 'health', 'limits', 'timeouts'],
  ...['keepAliveMax', 'hostname', 'port', 'weight', 'socketPath', 'isDead', 'deadSince'],
  ...['failureCount', 'maintenance', 'access', 'rateLimits', 'sendProxyProtocol'],
]);

/**
 * A route (backend, certificate) in which every secret reads `[redacted:<digest>]`: private keys,
 * password and token hashes, and the values of headers that carry credentials. `unmask` turns them
 * back, so what was read can be edited and sent. It is the route itself when there is no secret,
 * and a copy otherwise.
 */
export function mask<T>(route: T): T {
  if (!mayHoldSecrets(route)) return route;
  return replaceSecrets(route, maskOf) as T;
}

/** Pages have up to 1000 routes, and to look into each text of each would hold the traffic up. */
function mayHoldSecrets(value: unknown): boolean {
  if (!isObject(value)) return true;
  for (const key in value) {
    if (openMembers.has(key)) continue;
    const held = value[key];
    if (key !== 'backends' || !Array.isArray(held) || held.some(mayHoldSecrets)) return true;
  }
  return false;
}

/**
 * Puts the current secrets back where an input carries their masks.
 *
 * @param current what the input was read from; undefined: nothing is there yet.
 * @returns the input with its secrets, and a problem for each mask that stands for no current
 *   secret.
 */
export function unmask(input: unknown, current: unknown): { value: unknown; problems: IProblem[] } {
  const secrets = new Map<string, string>();
  replaceSecrets(current, (secret) => {
    secrets.set(maskOf(secret), secret);
    return secret;
  });
  const problems: IProblem[] = [];
  const value = replaceSecrets(input, (text, path) => {
    if (!maskPattern.test(text) && text !== SECRET_MASK) return text;
    const secret = secrets.get(text);
    if (secret !== undefined) return secret;
    const message = 'Must be a real value: this mask stands for no current secret';
    problems.push({ path: formatPath(path), message, value: text });
    return text;
  });
  return { value, problems };
}

function maskOf(secret: string): string {
  return `[redacted:${keyedDigest(secret)}]`;
}

/** Copies a JSON tree, with each text that stands in a secret's place replaced. */
function replaceSecrets(root: unknown, replace: (text: string, path: TPath) => string): unknown {
  return copy(root, []);

  function copy(node: unknown, path: TPath): unknown {
    if (typeof node === 'string') return isSecret(root, path) ? replace(node, path) : node;
    if (Array.isArray(node)) return node.map((item, index) => copy(item, [...path, index]));
    if (!isObject(node)) return node;
    const items = Object.entries(node).map(([key, item]) => [key, copy(item, [...path, key])]);
    return Object.fromEntries(items);
  }
}
