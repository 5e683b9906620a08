import { z } from 'zod';
import type {
  IAccessOptions,
  IAccessRules,
  IAddressListOptions,
  IProxyProtocol,
} from '../../ts_interfaces/data/access.ts';
import { normalizeCidr } from './cidr-text.ts';
import type { IRefusal } from './host-name.ts';
import { filledArray, type TFits } from './schema-object.ts';
import { cidr, filePath, intervalMs, pattern, text } from './schema-scalar.ts';

/** The name of an address list or a limit. */
export const listName = pattern(
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  'Must have a name of at most 64 letters, digits, "-" and "_"',
);

/** `GET /access/check` is an operation of its own. */
const addressListName = pattern(
  /^(?!check$)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
  'Must have a name of at most 64 letters, digits, "-" and "_", and another one than "check"',
);

/** An address or a range, which stays as it was written but for its case. */
const addressOrRange = text(checkAddress);

/** The same, or the name of a list. */
export const accessEntry = text(checkAccessEntry);

/** `IAccessRules`: who may come, by address. */
export const accessRulesSchema = z.strictObject({
  // Whoever makes an empty list of those who may come does not mean everybody.
  allow: filledArray(accessEntry, 'address').optional(),
  deny: z.array(accessEntry).optional(),
});

/** `IAddressListOptions`: a list of addresses. */
export const addressListSchema = z.strictObject({
  addresses: z.array(addressOrRange).optional(),
  file: filePath.optional(),
});

/** `IAccessOptions`: the lists that rules name. */
export const accessSchema = z.strictObject({
  lists: z.record(addressListName, addressListSchema).optional(),
});

/** `IProxyProtocol`: which proxies are believed. */
export const proxyProtocolSchema = z.strictObject({
  from: z.array(cidr).check((payload) => {
    if (payload.value.length > 0) return;
    const message = 'Must name at least one proxy: nobody could come';
    payload.issues.push({ code: 'custom', input: payload.value, message, continue: true });
  }),
  mode: z.enum(['required', 'optional']).optional(),
  timeoutMs: intervalMs.optional(),
});

/** The schemas say what the public types say: this type compiles only while they do. */
export type TAccessSchemaCheck = [
  TFits<z.output<typeof accessRulesSchema>, IAccessRules>,
  TFits<keyof IAccessRules, keyof z.output<typeof accessRulesSchema>>,
  TFits<z.output<typeof accessSchema>, IAccessOptions>,
  TFits<IAccessOptions, z.input<typeof accessSchema>>,
  TFits<keyof IAccessOptions, keyof z.output<typeof accessSchema>>,
  TFits<keyof IAddressListOptions, keyof z.output<typeof addressListSchema>>,
  TFits<z.output<typeof proxyProtocolSchema>, IProxyProtocol>,
  TFits<keyof IProxyProtocol, keyof z.output<typeof proxyProtocolSchema>>,
];

/** Checks an address, a range, or `@` and the name of a list; it stays as it was written but for its case. */
export function checkAccessEntry(value: string): string | IRefusal {
  if (!value.startsWith('@')) {
    const verdict = checkAddress(value);
    if (typeof verdict === 'string' || /[.:/%]/.test(value)) return verdict;
    const suggestion = listName.safeParse(value).success ? { suggestion: `@${value}` } : {};
    return {
      problem: 'Must be an address, a range like 10.0.0.0/8, or "@" and a list',
      ...suggestion,
    };
  }
  if (listName.safeParse(value.slice(1)).success) return value;
  return { problem: 'Must have a list after "@": letters, digits, "-" and "_"' };
}

function checkAddress(value: string): string | IRefusal {
  const verdict = normalizeCidr(value);
  if (typeof verdict === 'string') return value.toLowerCase();
  if (value.includes('%')) {
    const suggestion = value.replace(/%[^/]*/, '');
    const problem = 'Must be without a zone ("%eth0"): clients are told apart by address alone';
    return typeof normalizeCidr(suggestion) === 'string' ? { problem, suggestion } : { problem };
  }
  if (value.startsWith('@')) return { problem: 'Must be an address: a list names no other list' };
  return verdict;
}
