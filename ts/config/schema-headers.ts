import { z } from 'zod';
import { objectCheck, type TLooseObject, type TRefuse } from './schema-object.ts';
import { headerValue, token } from './schema-scalar.ts';

/** Headers that belong to one connection, or that frame the message: the router alone sets them. */
const reservedHeaders = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const hostRefusal = 'Must not change Host: that is what "upstreamHost" is for';

/** Header names with their values, as a route sets or adds them. */
const headerRecord = z
  .record(z.string(), headerValue)
  .check(objectCheck((value, refuse) => checkNames(value, refuse)));

/** A list of header names that a route takes away. */
const headerNames = z.array(
  z.string().check((payload) => {
    const message = nameRefusal(payload.value);
    if (message === undefined) return;
    payload.issues.push({ code: 'custom', input: payload.value, message, continue: true });
  }),
);

/** Headers that are set on the request to the backend: a route's `headers`. */
export const requestHeaderRecord = headerRecord.check(
  objectCheck((value, refuse) => refuseHost(value, [], refuse)),
);

/** Changes to the headers of a response. */
export const responseHeaderChangesSchema = z.strictObject({
  set: headerRecord.optional(),
  add: headerRecord.optional(),
  remove: headerNames.optional(),
});

/** Changes to the headers of a request, without Host. */
export const requestHeaderChangesSchema = z.strictObject({
  set: requestHeaderRecord.optional(),
  add: requestHeaderRecord.optional(),
  remove: headerNames
    .check((payload) => {
      const index = payload.value.findIndex((name) => String(name).toLowerCase() === 'host');
      if (index === -1) return;
      const input = payload.value;
      payload.issues.push({ code: 'custom', input, path: [index], message: hostRefusal });
    })
    .optional(),
});

/** Finds the names of the second record that the first has as well, however they are spelled. */
export function sharedHeaderNames(first: TLooseObject, second: TLooseObject): string[] {
  const names = new Set(Object.keys(first).map((name) => name.toLowerCase()));
  return Object.keys(second).filter((name) => names.has(name.toLowerCase()));
}

function checkNames(value: TLooseObject, refuse: TRefuse): void {
  const seen = new Map<string, string>();
  for (const name of Object.keys(value)) {
    const refusal = nameRefusal(name);
    if (refusal !== undefined) refuse([name], refusal);
    const first = seen.get(name.toLowerCase());
    if (first === undefined) seen.set(name.toLowerCase(), name);
    else refuse([name], `Must be given once: "${first}" is the same header`);
  }
}

function nameRefusal(name: string): string | undefined {
  const verdict = token.safeParse(name);
  if (!verdict.success) return `Must have a header name that is a token (RFC 9110 section 5.6.2)`;
  if (!reservedHeaders.has(name.toLowerCase())) return undefined;
  return 'Must not change a header of the connection or of the framing: the router sets it';
}

function refuseHost(value: TLooseObject, path: string[], refuse: TRefuse): void {
  for (const name of Object.keys(value)) {
    if (name.toLowerCase() === 'host') refuse([...path, name], hostRefusal);
  }
}
