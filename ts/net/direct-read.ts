import type { TLSSocket } from 'node:tls';
import { lastReadCount, streamState } from './handles.ts';

/** The part of a TLS handle that reading needs. */
interface IReadableHandle {
  useUserBuffer(buffer: Uint8Array): void;
  onread: (...parameters: unknown[]) => unknown;
  readStart(): number;
  readStop(): number;
  reading: boolean;
}

/** Reads what a TLS socket decrypts without a buffer and a stream event for each read. */
export interface IDirectReader {
  pause(): void;
  resume(): void;
}

/**
 * Lets a TLS socket decrypt into `buffer`, past `stream.Readable`; end and
 * errors still come by the socket's events.
 *
 * Node has `onread` for client sockets only; this gives server-side TLS the same.
 *
 * @param deliver gets the number of bytes; they are overwritten when it returns.
 * @returns null when bytes wait in the stream already.
 */
export function readDirectly(
  socket: TLSSocket,
  buffer: Buffer,
  deliver: (count: number) => void,
): IDirectReader | null {
  if (socket.readableLength > 0) return null;
  const { _handle: handle } = socket as unknown as { _handle: Partial<IReadableHandle> | null };
  if (handle === null || typeof handle.useUserBuffer !== 'function') return null;
  const stream = handle as IReadableHandle;
  const { onread } = stream;
  stream.useUserBuffer(buffer);
  stream.onread = (...parameters: unknown[]): unknown => {
    const count = streamState[lastReadCount] as number;
    if (count <= 0) return onread.apply(stream, parameters);
    deliver(count);
    return undefined;
  };
  return {
    pause: () => {
      stream.reading = false;
      stream.readStop();
    },
    resume: () => {
      if (socket.destroyed) return;
      stream.reading = true;
      stream.readStart();
    },
  };
}
