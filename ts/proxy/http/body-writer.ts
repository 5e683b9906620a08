import type { Wire } from '../../net/wire.ts';
import type { BodyReader } from './body-reader.ts';

/** Up to this size a message is sent as one string, which is cheaper than assembling bytes. */
const textBytesMax = 2048;

/** How data is framed on the way out. */
export const framing = { raw: 0, chunked: 1 } as const;

/**
 * Sends a head (or nothing) and the data that `body` found in `bytes`, together.
 *
 * With `framing.chunked` the data of one read becomes one chunk, and the last
 * chunk with its trailers follows when the body is complete.
 *
 * @returns false when the writer should wait for `onDrain`.
 */
export function writeBody(
  wire: Wire,
  head: string,
  bytes: Buffer,
  body: BodyReader,
  out: number,
): boolean {
  const size = body.pieceBytes;
  if (out === framing.raw) {
    if (size === 0) return head === '' || wire.writeText(head);
    if (body.pieceCount === 1 && size + head.length <= textBytesMax) {
      const start = body.pieceStart(0);
      return wire.writeText(head + bytes.toString('latin1', start, start + size));
    }
    wire.begin();
    if (head !== '') wire.addText(head);
    addPieces(wire, bytes, body);
    return wire.flush();
  }
  const tail = body.complete ? `0\r\n${body.trailers}\r\n` : '';
  if (size === 0) return head === '' && tail === '' ? true : wire.writeText(head + tail);
  wire.begin();
  wire.addText(`${head}${size.toString(16)}\r\n`);
  addPieces(wire, bytes, body);
  wire.addText(`\r\n${tail}`);
  return wire.flush();
}

function addPieces(wire: Wire, bytes: Buffer, body: BodyReader): void {
  for (let index = 0; index < body.pieceCount; index++) {
    wire.addBytes(bytes, body.pieceStart(index), body.pieceEnd(index));
  }
}
