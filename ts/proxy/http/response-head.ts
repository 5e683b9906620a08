import { CR, LF, SP, valueClass } from './characters.ts';
import { fieldId } from './field-names.ts';
import { FieldTable, INCOMPLETE, isRepeated, MALFORMED } from './field-table.ts';
import { readConnectionOptions } from './list-values.ts';
import { bodyKind, hasLeadingZero, parseContentLength } from './request-head.ts';

/** Headers of a response that are read; a backend that sends more is refused. */
const headerCountMax = 1000;

/** 1xx responses before a final one; a backend that sends more is refused. */
const informationalMax = 100;

/**
 * The response head that a connection brought last (RFC 9112 §4 to §6).
 *
 * Backends repeat themselves: a head that is, byte for byte, the one before is
 * recognised by one comparison, and what was made of it is used again.
 */
export class ResponseHead {
  readonly fields = new FieldTable();
  status = 0;

  minor = 1;
  body: number = bodyKind.none;
  contentLength = 0;
  /** A Content-Length was there, also where no body follows (HEAD, 304). */
  hasLength = false;
  /** The backend keeps the connection open. */
  keepAlive = true;
  /** Names that `Connection` lists beyond the known ones, in lower case; null when none. */
  nominated: ReadonlySet<string> | null = null;

  /**
   * Parses a head that starts at `start`.
   *
   * @param method the request's: the answer to HEAD has no body.
   * @returns the position behind the head, INCOMPLETE or MALFORMED.
   */
  parse(bytes: Buffer, start: number, end: number, method: string, bytesMax: number): number {
    const { fields } = this;
    if (method === this.method && isRepeated(fields.text, bytes, start, end)) {
      const isRefused = fields.text.length > bytesMax || this.isOneTooMany();
      return isRefused ? MALFORMED : start + fields.text.length;
    }
    this.rebuilt = null;
    fields.text = '';
    this.method = method;
    // What stands behind the limit is not looked at, so that it does not matter how much has arrived.
    const stop = Math.min(end, start + bytesMax);
    const headEnd = this.parseHead(bytes, start, stop);
    if (headEnd < 0) return headEnd === INCOMPLETE && stop === end ? INCOMPLETE : MALFORMED;
    fields.text = bytes.toString('latin1', start, headEnd);
    if (this.interpret(method) && !this.isOneTooMany()) return headEnd;
    fields.text = '';
    return MALFORMED;
  }

  private informationalCount = 0;

  /** Counts 1xx responses: each one is sent on at once, whether or not the client reads. */
  private isOneTooMany(): boolean {
    const isInformational = this.status < 200 && this.status !== 101;
    this.informationalCount = isInformational ? this.informationalCount + 1 : 0;
    return this.informationalCount > informationalMax;
  }

  private method = '';
  /** Status and field lines without those of the hop; null until somebody needs them. */
  rebuilt: string | null = null;

  private parseHead(bytes: Buffer, start: number, end: number): number {
    const lineEnd = this.parseLine(bytes, start, end);
    return lineEnd < 0 ? lineEnd : this.fields.parse(bytes, start, lineEnd, end, headerCountMax);
  }

  /** Parses `HTTP/1.x SP 3DIGIT [SP reason] CRLF`; returns where the fields start. */
  private parseLine(bytes: Buffer, start: number, end: number): number {
    const available = Math.min(end - start, 12);
    for (let index = 0; index < available; index++) {
      const code = bytes[start + index] as number;
      const expected = linePattern[index] as number;
      if (expected === DIGIT ? code < 48 || code > 57 : code !== expected) return MALFORMED;
    }
    if (available < 12) return INCOMPLETE;
    this.minor = bytes[start + 7] === 48 ? 0 : 1;
    this.isVersionExact = bytes[start + 7] === 49;
    this.status =
      ((bytes[start + 9] as number) - 48) * 100 +
      ((bytes[start + 10] as number) - 48) * 10 +
      ((bytes[start + 11] as number) - 48);
    if (this.status < 100) return MALFORMED;
    let position = start + 12;
    if (position < end && bytes[position] === SP) position++;
    const reasonStart = position;
    while (position < end && valueClass[bytes[position] as number] === 1) position++;
    if (position + 1 >= end) return INCOMPLETE;
    if (bytes[position] !== CR || bytes[position + 1] !== LF) return MALFORMED;
    if (reasonStart === start + 12 && position !== reasonStart) return MALFORMED;
    this.reasonStart = reasonStart - start;
    this.reasonEnd = position - start;
    return position + 2;
  }

  private isVersionExact = true;
  private reasonStart = 0;
  private reasonEnd = 0;

  /** The line is HTTP/1.1 and has a reason, so that its text is its own rebuilt form. */
  get isLineCanonical(): boolean {
    return this.isVersionExact && this.reasonEnd > this.reasonStart;
  }

  /** Reason phrase as sent; may be empty. */
  get reason(): string {
    return this.fields.text.substring(this.reasonStart, this.reasonEnd);
  }

  private interpret(method: string): boolean {
    const { fields, status } = this;
    if ((fields.repeated & onlyOnce) !== 0) return false;
    this.readConnection();
    this.hasLength = fields.has(fieldId.contentLength);
    this.contentLength = 0;
    if (this.hasLength) {
      const length = fields.first(fieldId.contentLength);
      this.contentLength = parseContentLength(length);
      if (this.contentLength < 0) return false;
      if (hasLeadingZero(length)) fields.canonical = false;
    }
    const chunked = fields.has(fieldId.transferEncoding);
    if (chunked) {
      // Both at once is an attempt at smuggling or a broken backend (RFC 9112 §6.3).
      if (this.hasLength || this.minor === 0) return false;
      if (!fields.isChunked) return false;
    }
    if (status < 200 || status === 204 || status === 304 || method === 'HEAD') {
      this.body = bodyKind.none;
      // A 204 has no body (RFC 9112 §6.3). Who announces one may send one.
      if (status === 204 && (chunked || this.contentLength > 0)) this.keepAlive = false;
    } else if (method === 'CONNECT' && status < 300) {
      this.body = bodyKind.none;
    } else if (chunked) {
      this.body = bodyKind.chunked;
    } else if (this.hasLength) {
      this.body = this.contentLength === 0 ? bodyKind.none : bodyKind.length;
    } else {
      this.body = bodyKind.untilClose;
      this.keepAlive = false;
    }
    return true;
  }

  private readConnection(): void {
    const { fields } = this;
    this.keepAlive = this.minor === 1;
    this.nominated = null;
    if (!fields.has(fieldId.connection)) return;
    const value = fields.joined(fieldId.connection);
    if (value === 'keep-alive' || value === 'close') {
      this.keepAlive = value === 'keep-alive';
      return;
    }
    const options = readConnectionOptions(value);
    this.keepAlive = !options.closes && (options.keepsAlive || this.minor === 1);
    this.nominated = options.nominated;
  }
}

const DIGIT = 0;
const linePattern = [72, 84, 84, 80, 47, 49, 46, DIGIT, SP, DIGIT, DIGIT, DIGIT];
const onlyOnce = (1 << fieldId.contentLength) | (1 << fieldId.transferEncoding);
