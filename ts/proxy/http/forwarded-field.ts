import { canonicalIp } from '../../net/ip.ts';
import { trimBlanks } from './list-values.ts';

const quote = 34;
const backslash = 92;
const comma = 44;

/**
 * The `for` nodes of a `Forwarded` field (RFC 7239 §4), from left to right; `unknown` for an element
 * that names none.
 *
 * The value is taken apart from its right end, where those whom we trust wrote. A client can leave a
 * quote open in what it sent, and so spoils what stands to the left of theirs only.
 */
export function forwardedNodes(value: string): string[] {
  const nodes: string[] = [];
  let end = value.length;
  let quoted = false;
  for (let index = value.length - 1; index >= 0; index--) {
    const code = value.charCodeAt(index);
    if (code === quote && !(quoted && isEscaped(value, index))) quoted = !quoted;
    if (code !== comma || quoted) continue;
    addNode(nodes, value.substring(index + 1, end));
    end = index;
  }
  addNode(nodes, quoted ? '"' : value.substring(0, end));
  return nodes.reverse();
}

/** One element that says from whom the request came to us, and how. */
export function forwardedElement(
  peerIp: string,
  protocol: string,
  authority: string,
  by: string,
): string {
  const host = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(authority) ? authority : `"${authority}"`;
  return `${forwardedFor(peerIp)};by=_${by};host=${host};proto=${protocol}`;
}

/** The element for a node that another header names, e.g. `for="[2001:db8::1]"`. */
export function forwardedFor(node: string): string {
  const address = nodeAddress(node);
  if (address === null) return 'for=unknown';
  return address.includes(':') ? `for="[${address}]"` : `for=${address}`;
}

/** The address of a node without its port, in normal form; null: it is none (`unknown`, `_hidden`). */
export function nodeAddress(node: string): string | null {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node)?.[1];
  const address = bracketed ?? /^([\d.]+):\d{1,5}$/.exec(node)?.[1] ?? node;
  return canonicalIp(address) ?? null;
}

function isEscaped(value: string, index: number): boolean {
  let count = 0;
  while (value.charCodeAt(index - 1 - count) === backslash) count++;
  return count % 2 === 1;
}

const pair = /[ \t]*([^\s=;,"]+)=([^\s;,"]+|"(?:[^"\\]|\\.)*")[ \t]*(?:;|$)/y;

function addNode(nodes: string[], element: string): void {
  const text = trimBlanks(element);
  if (text === '') return;
  let node = 'unknown';
  pair.lastIndex = 0;
  while (pair.lastIndex < text.length) {
    const parts = pair.exec(text);
    if (parts === null) {
      nodes.push('unknown');
      return;
    }
    const [, name = '', value = ''] = parts;
    if (name.toLowerCase() !== 'for') continue;
    node = value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  }
  nodes.push(node);
}
