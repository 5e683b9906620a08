import type { CidrSet } from '../../net/cidr.ts';
import { fieldId } from './field-names.ts';
import { forwardedElement, forwardedFor, forwardedNodes, nodeAddress } from './forwarded-field.ts';
import { listItems } from './list-values.ts';
import type { RequestHead } from './request-head.ts';

/** Who sent a request and how, as far as we believe it. */
export interface IForwarding {
  /** Address of the client: the peer's, or the one that trusted proxies name. */
  readonly clientIp: string;
  /** Protocol of the client's connection. */
  readonly protocol: 'http' | 'https';
  /** `X-Forwarded-…` and `X-Real-IP`, each line with its CRLF. */
  readonly lines: string;
  /** A trusted proxy sent it, so that its own `Forwarded` goes on. */
  readonly isTrusted: boolean;
  /** Address of whoever sent the request to us. */
  readonly peerIp: string;
  /** Protocol in which it came to us. */
  readonly peerProtocol: 'http' | 'https';
  /** Those who had the request before the peer, as trusted proxies say, the client first. */
  readonly chain: readonly string[];
}

/** The forwarding of a request that comes from its client directly. */
export function directForwarding(
  peerIp: string,
  protocol: 'http' | 'https',
  authority: string,
): IForwarding {
  // One flat text: it is used for many requests.
  const lines = Buffer.from(forwardingLines(peerIp, peerIp, protocol, authority), 'latin1');
  return {
    clientIp: peerIp,
    protocol,
    lines: lines.toString('latin1'),
    isTrusted: false,
    peerIp,
    peerProtocol: protocol,
    chain: [],
  };
}

/**
 * Reads what a trusted proxy says about the client: `X-Forwarded-For`, without it `Forwarded`, without
 * both `X-Real-IP`.
 *
 * The list is read from its right end: every address that is itself trusted is
 * a proxy of ours, the first one that is not is the client.
 */
export function trustedForwarding(
  head: RequestHead,
  peerIp: string,
  ownProtocol: 'http' | 'https',
  trusted: CidrSet,
): IForwarding {
  const { fields } = head;
  const chain = forwardedChain(head);
  let clientIp = peerIp;
  for (let index = chain.length - 1; index >= 0 && trusted.contains(clientIp); index--) {
    const address = nodeAddress(chain[index] as string);
    if (address === null) break;
    clientIp = address;
  }
  const named = listItems(fields.joined(fieldId.xForwardedProto)).at(-1)?.toLowerCase();
  const protocol = named === 'http' || named === 'https' ? named : ownProtocol;
  const host = listItems(fields.joined(fieldId.xForwardedHost)).at(-1) ?? head.authority;
  const list = [...chain, peerIp].join(', ');
  const lines = forwardingLines(list, clientIp, protocol, host);
  return { clientIp, protocol, lines, isTrusted: true, peerIp, peerProtocol: ownProtocol, chain };
}

/** The `Forwarded` line of a request (RFC 7239), behind the elements that trusted proxies wrote. */
export function forwardedLine(head: RequestHead, forwarding: IForwarding, by: string): string {
  const { isTrusted, chain, peerIp, peerProtocol } = forwarding;
  const existing = isTrusted ? head.fields.joined(fieldId.forwarded) : '';
  const before = existing === '' ? chain.map(forwardedFor) : [existing];
  const own = forwardedElement(peerIp, peerProtocol, head.authority, by);
  return `Forwarded: ${[...before, own].join(', ')}\r\n`;
}

function forwardingLines(list: string, clientIp: string, protocol: string, host: string): string {
  // Only HTTP/1.0 has requests without a Host.
  const hostLine = host === '' ? '' : `X-Forwarded-Host: ${host}\r\n`;
  return `X-Forwarded-For: ${list}\r\nX-Real-IP: ${clientIp}\r\nX-Forwarded-Proto: ${protocol}\r\n${hostLine}`;
}

function forwardedChain({ fields }: RequestHead): string[] {
  const list = listItems(fields.joined(fieldId.xForwardedFor));
  if (list.length > 0) return list;
  const forwarded = fields.joined(fieldId.forwarded);
  if (forwarded !== '') return forwardedNodes(forwarded);
  const real = fields.first(fieldId.xRealIp);
  return real === '' ? [] : [real];
}
