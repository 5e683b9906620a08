import { type IClientHello, readClientHello } from '../../net/client-hello.ts';
import { sniffProtocol } from '../../net/first-bytes.ts';

/** What the first bytes of a connection say. */
export type TFirstLook =
  /** Not enough of them yet. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'tls'; readonly hello: IClientHello }
  | { readonly kind: 'http' | 'ssh' | 'other' }
  /** It begins like TLS and is none that anybody would answer. */
  | { readonly kind: 'garbled' };

const incomplete: TFirstLook = { kind: 'incomplete' };
const garbled: TFirstLook = { kind: 'garbled' };
const plain = {
  http: { kind: 'http' },
  ssh: { kind: 'ssh' },
  other: { kind: 'other' },
} as const;

/** Looks at the bytes from `start` to `end`; costs little while they are incomplete. */
export function lookAt(bytes: Buffer, start: number, end: number): TFirstLook {
  const protocol = sniffProtocol(bytes, start, end);
  if (protocol === 'incomplete') return incomplete;
  if (protocol !== 'tls') return plain[protocol];
  const hello = readClientHello(bytes, start, end);
  if (hello.kind === 'incomplete') return incomplete;
  return hello.kind === 'hello' ? { kind: 'tls', hello } : garbled;
}
