import type { IZonePeer } from '../../../ts_interfaces/index.ts';
import { FrameBuffer } from '../server/frame-buffer.ts';
import { type IPeerParts, type IPeerQuery, PeerFailure, serverOf } from './peer-query.ts';

/** How long a conversation by TCP may take. */
export interface IStreamLimits {
  /** Milliseconds until the next whole message, the first one with the connection. */
  readonly stallMs: number;
  /** Milliseconds for all of them. */
  readonly totalMs: number;
}

/**
 * Asks by TCP and takes messages until `take` has enough. The connection is closed in any case.
 *
 * @param take gets each message, which lies on memory that is used again, and says whether it was the
 *   last one; what it throws ends the conversation.
 * @throws PeerFailure, what `take` throws, and the reason of the signal.
 */
export function converse(
  parts: IPeerParts,
  peer: IZonePeer,
  query: IPeerQuery,
  take: (message: Buffer) => boolean,
  limits: IStreamLimits,
  signal: AbortSignal | null = null,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const received = new FrameBuffer();
    const { clock } = parts;
    let isOver = false;
    let hasAnswered = false;
    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      stall.cancel();
      total.cancel();
      signal?.removeEventListener('abort', onAbort);
      channel.close();
      settle();
    };
    const fail = (error: unknown): void => end(() => reject(error));
    const onAbort = (): void => fail(signal?.reason);
    const onStall = (): void =>
      fail(new PeerFailure(hasAnswered ? 'its transfer stalls' : 'no answer by TCP', !hasAnswered));
    let stall = clock.setTimeout(onStall, limits.stallMs);
    const total = clock.setTimeout(
      () => fail(new PeerFailure('its transfer takes too long')),
      limits.totalMs,
    );
    const onBytes = (bytes: Buffer): void => {
      received.append(bytes, 0, bytes.length);
      for (let message = received.next(); message !== null && !isOver; message = received.next()) {
        hasAnswered = true;
        stall.cancel();
        stall = clock.setTimeout(onStall, limits.stallMs);
        if (take(message)) end(resolve);
      }
      received.trim();
    };
    const channel = parts.transport.openStream(serverOf(peer, 'tcp'), {
      opened: () => undefined,
      data: (bytes) => {
        if (isOver) return;
        try {
          onBytes(bytes);
        } catch (error) {
          fail(error);
        }
      },
      closed: (error) => {
        const isEarly = !hasAnswered;
        const reason = error?.message ?? 'it closed the connection';
        fail(new PeerFailure(isEarly ? reason : 'its transfer broke off', isEarly));
      },
    });
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    const head = Buffer.alloc(2);
    head.writeUInt16BE(query.bytes.length);
    channel.write(Buffer.concat([head, query.bytes]));
  });
}
