import { z } from 'zod';
import { passwordHashProblem } from '../core/credentials.ts';
import { filledArray, objectCheck } from './schema-object.ts';
import { intervalMs, milliseconds, pattern, text, token } from './schema-scalar.ts';

const realm = pattern(
  /^[ !#-[\]-~]{1,200}$/,
  'Must be printable ASCII without quotes and backslashes',
);

const passwordHash = text((value) => {
  const problem = passwordHashProblem(value);
  if (problem === undefined) return value;
  return { problem: `Must be a hash that "dcrouter config hash" made: this one ${problem}` };
});

const tokenHash = text((value) => {
  const hash = value.toLowerCase();
  if (/^sha256\$[0-9a-f]{64}$/.test(hash)) return hash;
  return {
    problem:
      'Must be a token hash: sha256$ and 64 hex digits; "dcrouter config hash --token" makes one',
  };
});

/** `IBasicUser`: one user of basic authentication. */
export const basicUserSchema = z.strictObject({
  name: pattern(/^[^\p{C}:]{1,200}$/u, 'Must be a user name without colons and control characters'),
  passwordHash,
});

const basicAuthSchema = z
  .strictObject({
    type: z.literal('basic'),
    users: filledArray(basicUserSchema, 'user'),
    realm: realm.optional(),
  })
  .check(
    objectCheck(({ users }, refuse) => {
      if (!Array.isArray(users)) return;
      const seen = new Map<unknown, number>();
      users.forEach((user: { name?: unknown } | undefined, index) => {
        const first = seen.get(user?.name);
        if (first === undefined) seen.set(user?.name, index);
        else refuse(['users', index, 'name'], `Must be given once: users[${first}] has this name`);
      });
    }),
  );

const bearerAuthSchema = z.strictObject({
  type: z.literal('bearer'),
  tokenHashes: filledArray(tokenHash, 'token hash'),
  realm: realm.optional(),
});

/** `IAuth`: credentials that the router checks by itself. */
export const authSchema = z.discriminatedUnion('type', [basicAuthSchema, bearerAuthSchema]);

const httpUrl = text((value) => {
  if (!URL.canParse(value)) return { problem: 'Must be a URL like http://127.0.0.1:9000/check' };
  const { protocol, hash } = new URL(value);
  if (protocol !== 'http:' && protocol !== 'https:') {
    return { problem: 'Must be a URL that begins with http:// or https://' };
  }
  return hash === '' ? value : { problem: 'Must be a URL without a fragment' };
});

/** `IForwardAuthOptions`: an HTTP service that says who may pass. */
export const forwardAuthSchema = z.strictObject({
  type: z.literal('forward'),
  url: httpUrl,
  responseHeaders: z.array(token).optional(),
  timeoutMs: intervalMs.optional(),
  cacheMs: milliseconds.optional(),
});
