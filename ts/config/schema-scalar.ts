import { isIP } from 'node:net';
import { z } from 'zod';
import { normalizeCidr } from './cidr-text.ts';
import {
  type IRefusal,
  normalizeDomain,
  normalizeHostname,
  normalizeVHost,
  type TTextCheck,
} from './host-name.ts';

/** The largest delay that a timer of Node takes; longer ones would fire at once. */
export const TIMER_MAX_MS = 2_147_483_647;

/** Longest header value that may be configured, in bytes. */
export const HEADER_VALUE_BYTES_MAX = 8_192;

/** A text with a check of its own, which may also put it into its normal form. */
export function text(check: TTextCheck): z.ZodString {
  return z.string().check((payload) => {
    const verdict = check(payload.value);
    if (typeof verdict === 'string') {
      payload.value = verdict;
      return;
    }
    payload.issues.push({
      code: 'custom',
      input: payload.value,
      message: verdict.problem,
      params: { suggestion: verdict.suggestion },
      continue: true,
    });
  });
}

/** A text that must match a pattern. */
export function pattern(expression: RegExp, problem: string): z.ZodString {
  return text((value) => (expression.test(value) ? value : { problem }));
}

/** A whole number from `minimum` to `maximum`, both included. */
export function whole(minimum: number, maximum: number): z.ZodNumber {
  return z.int().min(minimum).max(maximum);
}

/** A time in milliseconds; 0 switches it off. */
export const milliseconds = whole(0, TIMER_MAX_MS);

/** An interval in milliseconds, which cannot be switched off. */
export const intervalMs = whole(1, TIMER_MAX_MS);

/** A port that can be connected to. */
export const port = whole(1, 65_535);

/** A port that can be listened on; 0 takes a free one. */
export const listenPort = whole(0, 65_535);

/** The name of a route, a backend, an entrypoint or a provider. */
export const itemName = text((value) => {
  if (value.length > 200) return { problem: 'Must have at most 200 characters' };
  if (/^[!-~]+$/.test(value) || /^[^\p{C}\p{Z}]+(?: [^\p{C}\p{Z}]+)*$/u.test(value)) return value;
  return { problem: 'Must be a name: not empty, without control characters and outer blanks' };
});

/** A token of RFC 9110 §5.6.2: header names, cookie names. */
export const token = pattern(
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/,
  "Must be a token: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.6.2)",
);

/** A request method. Custom ones are accepted, in upper case. */
export const method = text((value) => {
  if (/^[A-Z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(value)) return value;
  const suggestion = value.trim().toUpperCase();
  const problem = 'Must be a request method in upper case';
  return /^[A-Z-]{1,64}$/.test(suggestion) ? { problem, suggestion } : { problem };
});

/** A header value of RFC 9110 §5.5, as Latin-1 text. */
export const headerValue = text((value) => {
  if (value.length > HEADER_VALUE_BYTES_MAX) {
    return { problem: `Must have at most ${HEADER_VALUE_BYTES_MAX} characters` };
  }
  if (/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/.test(value)) return value;
  if (/^\s|\s$/.test(value)) return { problem: 'Must be a header value without outer blanks' };
  return {
    problem: 'Must be a header value: no line ends, NUL or other control characters, only Latin-1',
  };
});

/** A virtual host, in its normal form. */
export const vHost = text(normalizeVHost);

/** The host of a backend, in its normal form. */
export const hostname = text(normalizeHostname);

/** The domain of a certificate, in its normal form. */
export const domain = text(normalizeDomain);

/** A value for a Host header or an SNI name: a host, and a port where it is allowed. */
export const hostAndPort = text((value) => {
  const match = /^(.*?)(?::(\d{1,5}))?$/s.exec(value);
  const host = normalizeVHost(match?.[1] ?? '');
  if (typeof host !== 'string') return host;
  if (host.startsWith('*')) return { problem: 'Must be a host, not a pattern' };
  if (match?.[2] === undefined) return host;
  return Number(match[2]) <= 65_535
    ? `${host}:${match[2]}`
    : { problem: 'Must have a port up to 65535' };
});

/** An address range, in its normal form. */
export const cidr = text(normalizeCidr);

/** An address to listen on. */
export const address = text((value) => {
  if (isIP(value) !== 0) return value;
  const inside = /^\[(.*)\]$/.exec(value)?.[1] ?? '';
  if (isIP(inside) !== 0)
    return { problem: 'Must be an IP address without brackets', suggestion: inside };
  if (value === 'localhost') return { problem: 'Must be an IP address', suggestion: '127.0.0.1' };
  if (value === '*') return { problem: 'Must be an IP address', suggestion: '::' };
  return { problem: 'Must be an IP address' };
});

/** A path as requests carry it: with a leading slash, escaped, without query and fragment. */
export const urlPath = text(checkUrlPath);

/**
 * A path prefix that is taken off or put in front: whole segments, without the slash at the end.
 */
export const urlPrefix = text((value) => {
  if (value === '/') return { problem: 'Must be more than "/", or absent' };
  if (!value.endsWith('/')) return checkUrlPath(value);
  const suggestion = value.replace(/\/+$/, '');
  return { problem: 'Must be a path without a slash at its end', suggestion };
});

function checkUrlPath(value: string): string | IRefusal {
  if (value.length > 4_096) return { problem: 'Must have at most 4096 characters' };
  if (/^\/[!-"$-;=@-Z_a-z|~%]*$/.test(value)) return value;
  if (/[\p{Cc}\p{Cs}]/u.test(value))
    return { problem: 'Must be a path without control characters' };
  if (!value.startsWith('/')) {
    const suggestion = `/${value.replace(/^\.?\/+/, '')}`;
    return { problem: 'Must be a path that starts with "/"', suggestion };
  }
  if (/[?#]/.test(value)) {
    const suggestion = value.replace(/[?#].*$/s, '');
    return { problem: 'Must be a path without query and fragment', suggestion };
  }
  return {
    problem: 'Must be a path as it is sent, with %-escapes',
    suggestion: escapedPath(value),
  };
}

/** Escapes what is not escaped yet. */
function escapedPath(value: string): string {
  return encodeURI(value).replaceAll('%25', '%');
}

/** A regular expression of JavaScript, without flags. */
export const regularExpression = text((value) => {
  if (value.length > 1_000) return { problem: 'Must have at most 1000 characters' };
  try {
    new RegExp(value);
    return value;
  } catch (error) {
    const reason =
      error instanceof Error ? (error.message.split(': ').at(-1) ?? '') : String(error);
    return { problem: `Must be a regular expression: ${reason}` };
  }
});

/** A path in the file system, or a name that stands for a stream. */
export const filePath = text((value) => {
  if (value.trim() === '') return { problem: 'Must be a path, not an empty text' };
  return value.includes('\0') ? { problem: 'Must be a path without NUL' } : value;
});

/** A private key in PEM. */
export const pemKey = pem(/^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----$/m, 'a private key');

/** One or more certificates in PEM. */
export const pemCertificate = pem(
  /^-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----$/m,
  'a certificate',
);

function pem(expression: RegExp, what: string): z.ZodString {
  const problem = `Must be ${what} in PEM; write "file:PATH" to read it from a file`;
  return text((value) => {
    if (expression.test(value)) return value;
    const isPath = /^[\w./~-]{1,200}\.(?:pem|crt|cer|key)$/.test(value);
    return isPath ? { problem, suggestion: `file:${value}` } : { problem };
  });
}
