import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type IStreamBinding, type IWriteRequest, streamBinding } from './stream-binding.ts';

/** The part of a libuv stream handle that writing needs. */
interface IStreamHandle {
  writeLatin1String(request: IWriteRequest, text: string): number;
  writeBuffer(request: IWriteRequest, bytes: Uint8Array): number;
}

/**
 * Writes to a socket's handle, past `stream.Writable`.
 *
 * Nearly every write of a proxy is taken by the kernel at once. Then the
 * stream's bookkeeping (a request object, its buffer, a tick to report the end)
 * is a twentieth of the whole request's CPU time.
 *
 * The caller makes sure that the stream itself has nothing to send.
 */
export class DirectWriter {
  private readonly binding: IStreamBinding;
  /** Taken by a write only when that write is pending. */
  private spare: IWriteRequest;

  constructor(binding: IStreamBinding) {
    this.binding = binding;
    this.spare = new binding.WriteWrap();
  }

  /**
   * Sends text of code points below 256, or bytes that stay as they are until the end.
   *
   * @param done called when a pending write has ended, and at once when it cannot even begin; with
   * the error when it failed. The socket is left as it is.
   * @returns true when the kernel took everything; false when the rest is pending or it failed.
   */
  write(socket: Socket, data: string | Uint8Array, done: (error: Error | null) => void): boolean {
    const handle = (socket as unknown as { _handle: IStreamHandle | null })._handle;
    if (handle === null) return true;
    const { binding, spare } = this;
    const status =
      typeof data === 'string'
        ? handle.writeLatin1String(spare, data)
        : handle.writeBuffer(spare, data);
    if (status !== 0) {
      done(systemError(status));
      return false;
    }
    if (binding.streamBaseState[binding.kLastWriteWasAsync] === 0) return true;
    spare.buffer = typeof data === 'string' ? null : data;
    spare.oncomplete = (result) => done(result === 0 ? null : systemError(result));
    this.spare = new binding.WriteWrap();
    return false;
  }
}

function systemError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code });
}

/** null: this Node version has no such way; use `socket.write`. */
export const directWriter = streamBinding === null ? null : new DirectWriter(streamBinding);
