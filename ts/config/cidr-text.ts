import { isIP, isIPv4 } from 'node:net';
import type { IRefusal } from './host-name.ts';

/**
 * Checks a CIDR. A bare address is accepted as a range of one; bits below the prefix length must be
 * zero, so that `10.1.2.3/8` does not quietly trust more than was meant.
 */
export function normalizeCidr(text: string): string | IRefusal {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return { problem: 'Must be an address range like 10.0.0.0/8 or fd00::/8' };
  const bits = family === 4 ? 32 : 128;
  const length = slash === -1 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > bits) {
    return { problem: `Must have a prefix length from 0 to ${bits}` };
  }
  const below = bits - Number(length);
  const value = addressBits(address);
  const base = (value >> BigInt(below)) << BigInt(below);
  if (base === value) return `${address.toLowerCase()}/${length}`;
  return {
    problem: `Must have zeros after the first ${length} bits`,
    suggestion: `${addressText(base, bits)}/${length}`,
  };
}

function addressBits(address: string): bigint {
  if (isIPv4(address)) {
    return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  }
  // The URL parser spells every form (also ::ffff:1.2.3.4) as groups of hex digits.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce(
    (sum, part) => (sum << 16n) | BigInt(`0x${part}`),
    0n,
  );
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}

function addressText(value: bigint, bits: 32 | 128): string {
  const size = bits === 32 ? 8 : 16;
  const parts: string[] = [];
  for (let shift = bits - size; shift >= 0; shift -= size) {
    const part = (value >> BigInt(shift)) & ((1n << BigInt(size)) - 1n);
    parts.push(part.toString(bits === 32 ? 10 : 16));
  }
  if (bits === 32) return parts.join('.');
  return new URL(`http://[${parts.join(':')}]`).hostname.slice(1, -1);
}
