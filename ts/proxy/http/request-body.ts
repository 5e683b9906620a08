import type { BodyReader } from './body-reader.ts';
import { framing, writeBody } from './body-writer.ts';
import { bodyKind } from './request-head.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** Bytes of a request's body that are kept so that it can be sent again. */
const replayBytesMax = 65_536;

/** Bytes of a request that are read and thrown away after its response. */
const discardBytesMax = 1_048_576;

/** What became of the bytes of a body that were handed over. */
export type TBodyOutcome = 'taken' | 'blocked' | 'malformed' | 'too-large' | 'discarded-too-much';

/**
 * The body of a request on its way to the backend.
 *
 * It goes on as it arrives. Of a request that may be sent twice, the beginning
 * is kept, as it was framed, for another attempt.
 */
export class RequestBody {
  /** The request could be sent again from what is kept. */
  canReplay: boolean;
  /** The client waits for `100 Continue`: nobody knows whether the body will come. */
  awaitsContinue: boolean;
  /** It did not come in time. */
  isStalled = false;
  private readonly reader: BodyReader;
  private readonly bytesMax: number;
  private readonly out: number;
  /** Head that waits to be sent together with the first bytes. */
  private head = '';
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private discarded = 0;

  /** @param bytesMax limit of the body; 0 for none. */
  constructor(
    reader: BodyReader,
    bytesMax: number,
    isIdempotent: boolean,
    awaitsContinue: boolean,
  ) {
    this.reader = reader;
    this.bytesMax = bytesMax === 0 ? Number.POSITIVE_INFINITY : bytesMax;
    this.canReplay = isIdempotent;
    this.awaitsContinue = awaitsContinue;
    this.out = reader.kind === bodyKind.chunked ? framing.chunked : framing.raw;
  }

  /** Nothing of it has been read, so that every kind of request can go elsewhere. */
  get isUntouched(): boolean {
    return this.reader.total === 0;
  }

  /** What is left of it may be read and thrown away, so that the connection can go on. */
  get mayDiscard(): boolean {
    const { reader } = this;
    const isUsual = !this.awaitsContinue && !this.isStalled;
    return isUsual && !reader.failed && reader.total <= this.bytesMax;
  }

  /** Starts an attempt: the head waits for the body's first bytes; what an earlier attempt sent goes again. */
  begin(upstream: UpstreamConnection, head: string): void {
    this.head = head;
    if (this.kept.length === 0) return;
    this.flush(upstream);
    upstream.wire.writeStable(Buffer.concat(this.kept));
  }

  /** Sends a head that found no bytes to go with. */
  flush(upstream: UpstreamConnection): void {
    if (this.head === '') return;
    upstream.wire.writeText(this.head);
    this.head = '';
  }

  /** Forwards what the reader has found in `bytes`; without an upstream it is thrown away. */
  take(bytes: Buffer, upstream: UpstreamConnection | null): TBodyOutcome {
    const { reader } = this;
    if (reader.failed) return 'malformed';
    if (reader.total > this.bytesMax) return 'too-large';
    this.awaitsContinue = false;
    if (upstream === null) {
      this.discarded += reader.pieceBytes;
      return this.discarded > discardBytesMax ? 'discarded-too-much' : 'taken';
    }
    if (this.canReplay) this.keep(bytes);
    const { head } = this;
    this.head = '';
    // A backend that has the head may refuse the body and close; its answer is worth reading.
    if (head === '') upstream.wire.readsAfterFailure = true;
    return writeBody(upstream.wire, head, bytes, reader, this.out) ? 'taken' : 'blocked';
  }

  private keep(bytes: Buffer): void {
    const { reader, kept } = this;
    this.keptBytes += reader.pieceBytes;
    if (this.keptBytes > replayBytesMax) {
      this.canReplay = false;
      this.kept = [];
      return;
    }
    const chunked = this.out === framing.chunked;
    if (chunked && reader.pieceBytes > 0) {
      kept.push(Buffer.from(`${reader.pieceBytes.toString(16)}\r\n`));
    }
    for (let index = 0; index < reader.pieceCount; index++) {
      kept.push(Buffer.from(bytes.subarray(reader.pieceStart(index), reader.pieceEnd(index))));
    }
    if (chunked && reader.pieceBytes > 0) kept.push(Buffer.from('\r\n'));
    if (chunked && reader.complete) kept.push(Buffer.from(`0\r\n${reader.trailers}\r\n`, 'latin1'));
  }
}
