import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { type IRefusal, normalizeHostname } from './host-name.ts';

/** Characters that a name has at most, without the trailing dot. */
const NAME_LENGTH_MAX = 253;

/** With `/` for the zones of RFC 2317 §4: `0/25.2.0.192.in-addr.arpa`. */
const zoneLabels = /^[a-z0-9_/-]{1,63}(?:\.[a-z0-9_/-]{1,63})*$/;

/**
 * Brings the name of a zone into its normal form: lower case, IDN as punycode, no trailing dot;
 * `.` is the root.
 */
export function normalizeZoneName(text: string): string | IRefusal {
  if (text === '.') return text;
  const [address = ''] = text.split('/');
  if (isIPv4(address) || isIPv6(address)) {
    const problem = 'Must be a domain: the zone of addresses is below in-addr.arpa or ip6.arpa';
    return isIPv4(address) ? { problem, suggestion: reverseOf(text, address) } : { problem };
  }
  return normalizeLabels(text, 'a domain like example.com, or "." for the root');
}

/** The same for the name of a TSIG key, which is a domain name as well. */
export function normalizeKeyName(text: string): string | IRefusal {
  return normalizeLabels(text, 'the name of a key: letters, digits, "-", "_" and dots');
}

/** The same for the name of a server in an NS record. */
export function normalizeServerName(text: string): string | IRefusal {
  const name = normalizeHostname(text);
  if (typeof name !== 'string' || (isIPv4(name) || isIPv6(name)) === false) return name;
  return { problem: 'Must be the name of a server: an NS record holds no address' };
}

function normalizeLabels(text: string, wanted: string): string | IRefusal {
  const ascii = asciiOf(text.endsWith('.') ? text.slice(0, -1) : text);
  if (typeof ascii !== 'string') return ascii;
  const name = ascii.toLowerCase();
  if (name.length > NAME_LENGTH_MAX) {
    return { problem: `Must be a name of at most ${NAME_LENGTH_MAX} characters` };
  }
  if (zoneLabels.test(name)) return name;
  const problem = problemOfLabels(name) ?? `Must be ${wanted}`;
  const bare = name.replace(/^[a-z]+:\/\//, '').replace(/^\*?\.|[:/].*$|\.+$/g, '');
  return bare !== name && zoneLabels.test(bare) ? { problem, suggestion: bare } : { problem };
}

function problemOfLabels(name: string): string | undefined {
  if (name === '') return 'Must be a name, not an empty text';
  const labels = name.split('.');
  if (labels.includes('')) return 'Must be a name without empty labels';
  if (labels.some((label) => label.length > 63)) {
    return 'Must be a name with labels of at most 63 characters';
  }
  return undefined;
}

/** IDN as punycode; a text of ASCII stays as it is. */
function asciiOf(text: string): string | IRefusal {
  if (!/[^\x21-\x7e]/.test(text)) return text;
  // domainToASCII() would quietly drop line ends and tabs.
  if (/[\s\p{Cc}]/u.test(text)) return { problem: 'Must not contain blanks' };
  // A last label that is a number would make it an IPv4 address.
  const ascii = domainToASCII(`${text}.x`);
  if (ascii !== '') return ascii.slice(0, -2);
  return { problem: 'Must be a name: this one has no valid ASCII form (IDNA)' };
}

/** The zone for the reverse names of an address, or of a range that ends at a whole byte. */
function reverseOf(text: string, address: string): string {
  const bits = Number(text.split('/')[1] ?? 24);
  const bytes = bits >= 8 && bits <= 24 ? Math.floor(bits / 8) : 3;
  return `${address.split('.').slice(0, bytes).reverse().join('.')}.in-addr.arpa`;
}

/** Characters of a record's name: its 255 bytes, each written as an escape. */
const RECORD_NAME_LENGTH_MAX = 1_020;

/** Any character but those with a meaning in master files, or an escape (RFC 1035 §5.1). */
const recordLabel = /^(?:[!#%-'*-\-/-:<-?A-[\]-~]|\\\d{3}|\\[!-/:-~])+$/;

/**
 * Checks the owner of a record: `@` for the apex, relative to the zone, or absolute with a trailing
 * dot. IDN becomes punycode; else it stays as it is written, also its case and escapes.
 */
export function checkRecordName(text: string): string | IRefusal {
  if (text === '@' || text === '.') return text;
  if (text === '') return { problem: 'Must be a name; that of the zone is "@"', suggestion: '@' };
  if (text.length > RECORD_NAME_LENGTH_MAX)
    return { problem: 'Must be a name of at most 255 bytes' };
  const dot = isAbsolute(text) ? '.' : '';
  const bare = dot === '' ? text : text.slice(0, -1);
  const name = asciiOf(bare);
  if (typeof name !== 'string') return name;
  const labels = labelsOf(name);
  if (labels.includes('')) return { problem: 'Must be a name without empty labels' };
  if (!labels.every((label) => recordLabel.test(label))) {
    const problem = 'Must be "@", a name within the zone, or an absolute name with a trailing dot';
    return { problem };
  }
  const isLong = labels.some((label) => label.replace(/\\(?:\d{3}|.)/g, 'x').length > 63);
  if (isLong) return { problem: 'Must be a name with labels of at most 63 characters' };
  return name + dot;
}

/** Whether a name ends in a dot that is not escaped. */
function isAbsolute(name: string): boolean {
  return /(?<!\\)(?:\\\\)*\.$/.test(name);
}

/** What stands between the dots that are not escaped. */
function labelsOf(name: string): string[] {
  return name.split(/(?<=(?<!\\)(?:\\\\)*)\./);
}

/**
 * Why a name that `checkRecordName` takes does not fit its zone; undefined: it does.
 *
 * @param zone in its normal form.
 */
export function misfitOf(name: string, zone: string): IRefusal | undefined {
  if (zone === '.') return undefined;
  const lower = name.toLowerCase();
  if (isAbsolute(lower)) {
    const isInside = lower === `${zone}.` || lower.endsWith(`.${zone}.`);
    return isInside ? undefined : { problem: `Must be within the zone ${zone}` };
  }
  // "www.example.com" without its dot would mean www.example.com.example.com.
  const seemsAbsolute = lower === zone || lower.endsWith(`.${zone}`);
  if (!seemsAbsolute || !zone.includes('.')) return undefined;
  const problem = 'Must end in a dot, or leave out the name of the zone';
  return { problem, suggestion: `${name}.` };
}

/** A name as `checkRecordName` takes it, in the one form of all its spellings. */
export function absoluteName(name: string, zone: string): string {
  const lower = name.toLowerCase();
  if (isAbsolute(lower)) return lower;
  const apex = zone === '.' ? '.' : `${zone}.`;
  if (lower === '@') return apex;
  return zone === '.' ? `${lower}.` : `${lower}.${apex}`;
}
