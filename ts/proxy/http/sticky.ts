import type { Endpoint } from '../endpoint.ts';
import type { IStickyPlan } from '../route-plan.ts';
import { fieldId } from './field-names.ts';
import type { RequestHead } from './request-head.ts';

/** The endpoint that the request's sticky cookie names; null when none does. */
export function stickyEndpoint(
  head: RequestHead,
  plan: IStickyPlan,
  endpoints: readonly Endpoint[],
): Endpoint | null {
  if (!head.fields.has(fieldId.cookie)) return null;
  const cookies = head.fields.lookup('cookie') ?? '';
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim() !== plan.cookie) continue;
    const mark = pair.slice(equals + 1).trim();
    return endpoints.find((endpoint) => markOf(endpoint) === mark) ?? null;
  }
  return null;
}

/** The `Set-Cookie` line that brings the client back to the endpoint. */
export function stickyCookieLine(plan: IStickyPlan, endpoint: Endpoint, isTls: boolean): string {
  const secure = (plan.secure ?? isTls) ? '; Secure' : '';
  return `Set-Cookie: ${plan.cookie}=${markOf(endpoint)}${plan.attributes}${secure}\r\n`;
}

/** What stands for an endpoint outside: not its id or address. */
function markOf(endpoint: Endpoint): string {
  return endpoint.hash.toString(36);
}
