import type { IClock } from '../../core/clock.ts';
import { encodeQuery, type IQueryMessage, matchReply } from './query-message.ts';
import type { IServer, ITransport } from './transport.ts';

/** How asking a server once ended. */
export type TExchange =
  | { readonly kind: 'reply'; readonly bytes: Buffer }
  | { readonly kind: 'timeout' }
  /** Refused, unreachable, closed, or the handshake failed; `isOurs`: this machine is at fault. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isOurs?: boolean }
  /** UDP only: what came may be forged, so ask by TCP; `case`: only the case was wrong. */
  | { readonly kind: 'suspect'; readonly reason: 'case' | 'forgery' };

/** Datagrams from the server that nearly match, until we rather ask by TCP (RFC 5452 §9.2). */
const nearMissesMax = 3;

/**
 * Asks once by UDP, from a port of its own.
 *
 * Whatever comes from another address, or with another id, question or case, is no answer. One with
 * the right id and the wrong case, or several with wrong ids, look like a forger at work: then UDP
 * is given up for this query.
 */
export function askByDatagram(
  transport: ITransport,
  clock: IClock,
  server: IServer,
  query: IQueryMessage,
  timeoutMs: number,
): Promise<TExchange> {
  return new Promise((resolve) => {
    let nearMisses = 0;
    const finish = (exchange: TExchange): void => {
      timer.cancel();
      channel.close();
      resolve(exchange);
    };
    const timer = clock.setTimeout(() => finish({ kind: 'timeout' }), timeoutMs);
    const channel = transport.openDatagram(server, {
      message: (bytes, address, port) => {
        if (address !== server.address || port !== server.port) return;
        const match = matchReply(bytes, query);
        if (match === 'match') finish({ kind: 'reply', bytes });
        else if (match === 'case') finish({ kind: 'suspect', reason: 'case' });
        else if (++nearMisses >= nearMissesMax) finish({ kind: 'suspect', reason: 'forgery' });
      },
      failed: (error) => finish(failureOf(error)),
    });
    channel.send(encodeQuery(query));
  });
}

/** This machine has no descriptor, memory or port left. */
const ours: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRINUSE']);

/** A failure of the network as an outcome. */
export function failureOf(error: unknown): TExchange {
  const reason = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return { kind: 'failed', reason, isOurs: ours.has(code) };
}
