/** A pending write; keeps what is written alive until libuv is done with it. */
export interface IWriteRequest {
  oncomplete: ((status: number) => void) | null;
  buffer: Uint8Array | null;
}

/** What Node's streams over libuv are made of. */
export interface IStreamBinding {
  WriteWrap: new () => IWriteRequest;
  /** Filled by every read and write. */
  streamBaseState: Int32Array;
  /** Index: whether the last write is still pending. */
  kLastWriteWasAsync: number;
  /** Index: bytes of the last read, or the negative error. */
  kReadBytesOrError: number;
}

/**
 * The inside of Node's sockets, for `direct-write.ts` and `direct-read.ts`.
 *
 * It is no public interface: null where a Node version does not have it, and
 * everything then goes through the streams, only slower.
 */
export const streamBinding: IStreamBinding | null = openBinding();

function openBinding(): IStreamBinding | null {
  const { binding } = process as unknown as { binding?: (name: string) => unknown };
  if (typeof binding !== 'function') return null;
  try {
    const stream = binding.call(process, 'stream_wrap') as Partial<IStreamBinding>;
    const usable =
      typeof stream.WriteWrap === 'function' &&
      stream.streamBaseState !== undefined &&
      typeof stream.kLastWriteWasAsync === 'number' &&
      typeof stream.kReadBytesOrError === 'number';
    return usable ? (stream as IStreamBinding) : null;
  } catch (error) {
    process.emitWarning(`Sockets are used through streams only: ${String(error)}`);
    return null;
  }
}
