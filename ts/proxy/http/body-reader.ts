import { CR, HTAB, hexValue, LF, SP } from './characters.ts';
import { FieldTable, INCOMPLETE } from './field-table.ts';
import { bodyKind } from './request-head.ts';

/** Pieces of data that one call of `read` finds at most; the rest is read by the next call. */
const piecesMax = 4096;

/** Bytes of all chunk extensions of a message; they are read and dropped. */
const extensionBytesMax = 16_384;

/** Bytes of a trailer section. */
const trailerBytesMax = 16_384;

/** Fields of a trailer section. */
const trailerCountMax = 64;

/** Where the data of the last `read` stands, as pairs of start and end. */
const pieces = new Int32Array(piecesMax * 2);

const state = {
  sizeStart: 0,
  size: 1,
  extension: 2,
  quoted: 3,
  quotedPair: 4,
  sizeLf: 5,
  data: 6,
  dataCr: 7,
  dataLf: 8,
  trailer: 9,
} as const;

const trailerTable = new FieldTable();

/** Fields that must not come in a trailer (RFC 9110 §6.5.1): framing, routing, authentication. */
const forbiddenTrailers = new Set([
  ...['host', 'content-length', 'content-encoding', 'content-type', 'content-range'],
  ...['transfer-encoding', 'connection', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect'],
  ...['www-authenticate', 'cookie', 'cookie2', 'set-cookie', 'set-cookie2', 'x-real-ip'],
  ...[
    'x-request-id',
    'forwarded',
    'via',
    'cache-control',
    'max-forwards',
    'pragma',
    'range',
    'age',
  ],
  ...['expires', 'date', 'location', 'retry-after', 'vary', 'proxy'],
]);
const forbiddenTrailerPrefix = /^(proxy-|auth|x-forwarded-|if-)/;

/**
 * Finds the data of a message body in the bytes that arrive (RFC 9112 §6, §7).
 *
 * It keeps no data: after `read`, `pieceCount` pieces of the given bytes are
 * the data, and `writeTo…` functions take them from there.
 */
export class BodyReader {
  kind: number = bodyKind.none;
  /** Nothing more belongs to this body. */
  complete = true;
  /** The framing was violated; nothing after it can be understood. */
  failed = false;
  /** Data bytes so far. */
  total = 0;
  pieceCount = 0;
  /** Data bytes of the last `read`. */
  pieceBytes = 0;
  /** Trailer section, rebuilt, each line with its CRLF; '' when none. */
  trailers = '';
  private remaining = 0;
  private state: number = state.sizeStart;
  private digits = 0;
  private extensionBytes = 0;
  private trailerPart: Buffer | null = null;

  /** Prepares for a body; `length` counts for `bodyKind.length` only. */
  begin(kind: number, length: number): void {
    this.kind = kind;
    this.complete = kind === bodyKind.none;
    this.failed = false;
    this.total = 0;
    this.pieceCount = 0;
    this.pieceBytes = 0;
    this.remaining = length;
    this.trailers = '';
    if (kind !== bodyKind.chunked) return;
    this.state = state.sizeStart;
    this.extensionBytes = 0;
    this.trailerPart = null;
  }

  /** Start of piece `index` in the bytes last read. */
  pieceStart(index: number): number {
    return pieces[index * 2] as number;
  }

  /** End of piece `index` in the bytes last read. */
  pieceEnd(index: number): number {
    return pieces[index * 2 + 1] as number;
  }

  /**
   * Finds data from `start` to `end`.
   *
   * @returns where it stopped: at `end`, at the body's end, or earlier when
   * there are too many pieces for one call.
   */
  read(bytes: Buffer, start: number, end: number): number {
    this.pieceCount = 0;
    this.pieceBytes = 0;
    if (this.kind === bodyKind.chunked) return this.readChunked(bytes, start, end);
    if (this.complete) return start;
    let stop = end;
    if (this.kind === bodyKind.length) {
      stop = Math.min(end, start + this.remaining);
      this.remaining -= stop - start;
      this.complete = this.remaining === 0;
    }
    this.addPiece(start, stop);
    return stop;
  }

  /** The stream ended: right for a body that lasts until then, a break-off for all others. */
  finish(): void {
    if (this.kind === bodyKind.untilClose) this.complete = true;
    else if (!this.complete) this.failed = true;
  }

  private addPiece(start: number, end: number): void {
    if (end === start) return;
    pieces[this.pieceCount * 2] = start;
    pieces[this.pieceCount * 2 + 1] = end;
    this.pieceCount++;
    this.pieceBytes += end - start;
    this.total += end - start;
  }

  private readChunked(bytes: Buffer, start: number, end: number): number {
    let position = start;
    while (position < end && !this.complete && !this.failed) {
      if (this.state === state.data) {
        if (this.pieceCount === piecesMax) return position;
        const stop = Math.min(end, position + this.remaining);
        this.addPiece(position, stop);
        this.remaining -= stop - position;
        position = stop;
        if (this.remaining === 0) this.state = state.dataCr;
      } else if (this.state === state.trailer) {
        position = this.readTrailer(bytes, position, end);
      } else {
        this.step(bytes[position] as number);
        position++;
      }
    }
    return position;
  }

  /** One byte of a chunk's frame. */
  private step(code: number): void {
    switch (this.state) {
      case state.sizeStart:
      case state.size:
        this.stepSize(code);
        break;
      case state.extension:
      case state.quoted:
      case state.quotedPair:
        this.stepExtension(code);
        break;
      case state.sizeLf:
        this.state = this.remaining === 0 ? state.trailer : state.data;
        this.failed = code !== LF;
        break;
      case state.dataCr:
        this.state = state.dataLf;
        this.failed = code !== CR;
        break;
      default:
        this.state = state.sizeStart;
        this.failed = code !== LF;
    }
  }

  private stepSize(code: number): void {
    const value = hexValue[code] as number;
    if (this.state === state.sizeStart) {
      this.remaining = 0;
      this.digits = 0;
      this.state = state.size;
      this.failed = value === 255;
    }
    if (value !== 255) {
      // Leading zeros need a limit of their own.
      this.digits++;
      if (this.digits > 16) this.failed = true;
      this.remaining = this.remaining * 16 + value;
      if (this.remaining > Number.MAX_SAFE_INTEGER) this.failed = true;
    } else if (code === CR) {
      this.state = state.sizeLf;
    } else if (code === 59) {
      this.state = state.extension;
    } else {
      this.failed = true;
    }
  }

  /** Extensions are checked for bytes that could hide a line end, and dropped. */
  private stepExtension(code: number): void {
    if (++this.extensionBytes > extensionBytesMax) {
      this.failed = true;
    } else if (code === CR && this.state === state.extension) {
      this.state = state.sizeLf;
    } else if ((code < SP && code !== HTAB) || code === 127) {
      this.failed = true;
    } else if (this.state === state.quotedPair) {
      this.state = state.quoted;
    } else if (this.state === state.quoted) {
      if (code === 34) this.state = state.extension;
      else if (code === 92) this.state = state.quotedPair;
    } else if (code === 34) {
      this.state = state.quoted;
    }
  }

  private readTrailer(bytes: Buffer, start: number, end: number): number {
    // Nearly always: no trailer at all.
    if (this.trailerPart === null && end - start >= 2) {
      if (bytes[start] === CR && bytes[start + 1] === LF) {
        this.complete = true;
        return start + 2;
      }
    }
    const kept = this.trailerPart;
    const part = bytes.subarray(start, Math.min(end, start + trailerBytesMax));
    const section = kept === null ? part : Buffer.concat([kept, part]);
    // Whole lines only, so that bytes that come one by one cost no more than those that come together.
    const lineEnd = part.lastIndexOf(LF) + 1;
    const limit = Math.min(section.length - part.length + lineEnd, trailerBytesMax);
    const stop =
      lineEnd === 0 ? INCOMPLETE : trailerTable.parse(section, 0, 0, limit, trailerCountMax);
    if (stop === INCOMPLETE && section.length < trailerBytesMax) {
      this.trailerPart = kept === null ? Buffer.from(part) : section;
      return end;
    }
    if (stop < 0) {
      this.failed = true;
      return end;
    }
    trailerTable.text = section.toString('latin1', 0, stop);
    this.trailers = rebuildTrailers(trailerTable);
    this.complete = true;
    return start + stop - (kept === null ? 0 : kept.length);
  }
}

function rebuildTrailers(table: FieldTable): string {
  let text = '';
  for (let index = 0; index < table.count; index++) {
    const name = table.name(index);
    const plain = name.toLowerCase().replaceAll('_', '-');
    if (forbiddenTrailers.has(plain) || forbiddenTrailerPrefix.test(plain)) continue;
    text += `${name}: ${table.value(index)}\r\n`;
  }
  return text;
}
