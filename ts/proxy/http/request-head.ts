import { hostLength, withoutPort } from './authority.ts';
import { CR, LF, SP, targetClass, tokenClass } from './characters.ts';
import { fieldId } from './field-names.ts';
import { FieldTable, INCOMPLETE, MALFORMED, TOO_MANY } from './field-table.ts';
import { listItems, readConnectionOptions, upgradeProtocols } from './list-values.ts';

/** How the end of a body is found (RFC 9112 §6.3). */
export const bodyKind = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;

/** Longest method that is read as one; nobody implements a longer one (501). */
const methodBytesMax = 64;

/** Sizes that a head may have. */
export interface IHeadLimits {
  readonly headBytesMax: number;
  readonly headerCountMax: number;
  readonly uriBytesMax: number;
}

/**
 * The request head that was parsed last (RFC 9112 §3 to §6).
 *
 * One instance serves all connections, so what is needed after the current
 * call has to be copied out of it.
 */
export class RequestHead {
  readonly fields = new FieldTable();
  method = '';
  /** The request target in origin form (or `*`, or the authority of CONNECT). */
  target = '';
  /** Host as sent, without the port. */
  host = '';
  /** Host as sent, with the port. */
  authority = '';
  /** Minor version: 0 or 1. */
  minor = 1;
  body: number = bodyKind.none;
  contentLength = 0;
  /** The client wants the connection to stay open. */
  keepAlive = true;
  /** The protocols that the client asks to change to, '' when it does not or may not. */
  upgrade = '';
  /** Names that `Connection` lists beyond the known ones, in lower case; null when none. */
  nominated: ReadonlySet<string> | null = null;
  /** The request line, as it stands in the text, says what `method`, `target` and HTTP/1.1 say. */
  isLineUnchanged = true;
  /** Value of a header by its name in lower case, for route conditions. */
  readonly headerOf = (name: string): string | undefined => this.fields.lookup(name);
  /** Status of the refusal after `parse` returned MALFORMED. */
  status = 400;

  /**
   * Parses a head that starts at `start`, or behind empty lines there (RFC 9112 §2.2).
   *
   * @returns the position behind the head, INCOMPLETE, or MALFORMED with `status` set.
   */
  parse(bytes: Buffer, start: number, end: number, limits: IHeadLimits): number {
    let from = start;
    while (from + 1 < end && bytes[from] === CR && bytes[from + 1] === LF) from += 2;
    // What stands behind the limit is not looked at, so that it does not matter how much has arrived.
    const stop = Math.min(end, start + limits.headBytesMax);
    const headEnd = this.parseHead(bytes, from, stop, limits);
    if (headEnd < 0) {
      return headEnd === INCOMPLETE && stop < end ? this.refuse(431) : headEnd;
    }
    const { fields } = this;
    const text = bytes.toString('latin1', from, headEnd);
    fields.text = text;
    this.method = text.substring(0, this.methodEnd);
    this.target = text.substring(this.methodEnd + 1, this.targetEnd);
    this.isLineUnchanged = bytes[from + this.targetEnd + 8] === 49;
    return this.interpret() ? headEnd : MALFORMED;
  }

  private methodEnd = 0;
  private targetEnd = 0;

  private parseHead(bytes: Buffer, start: number, end: number, limits: IHeadLimits): number {
    const lineEnd = this.parseLine(bytes, start, end, limits);
    if (lineEnd < 0) return lineEnd;
    const headEnd = this.fields.parse(bytes, start, lineEnd, end, limits.headerCountMax);
    if (headEnd === TOO_MANY) return this.refuse(431);
    return headEnd === MALFORMED ? this.refuse(400) : headEnd;
  }

  /** Parses `method SP target SP HTTP/1.x CRLF`; returns where the fields start. */
  private parseLine(bytes: Buffer, start: number, end: number, limits: IHeadLimits): number {
    let position = start;
    while (position < end && tokenClass[bytes[position] as number] === 1) position++;
    if (position - start > methodBytesMax) return this.refuse(501);
    if (position >= end) return INCOMPLETE;
    if (position === start && bytes[position] === CR && position + 1 === end) return INCOMPLETE;
    if (bytes[position] !== SP || position === start) return this.refuse(400);
    this.methodEnd = position - start;
    position++;
    const targetStart = position;
    while (position < end && targetClass[bytes[position] as number] === 1) position++;
    if (position - targetStart > limits.uriBytesMax) return this.refuse(414);
    if (position >= end) return INCOMPLETE;
    if (bytes[position] !== SP || position === targetStart) return this.refuse(400);
    this.targetEnd = position - start;
    position++;
    return this.parseVersion(bytes, position, end);
  }

  private parseVersion(bytes: Buffer, start: number, end: number): number {
    // 'HTTP/' DIGIT '.' DIGIT CR LF
    const available = Math.min(end - start, 10);
    for (let index = 0; index < available; index++) {
      const code = bytes[start + index] as number;
      const expected = versionPattern[index] as number;
      if (expected === DIGIT ? code < 48 || code > 57 : code !== expected) return this.refuse(400);
    }
    if (available < 10) return INCOMPLETE;
    const major = (bytes[start + 5] as number) - 48;
    if (major !== 1) return this.refuse(505);
    // A higher minor version is read as the highest that we know (RFC 9110 §2.5).
    this.minor = bytes[start + 7] === 48 ? 0 : 1;
    return start + 10;
  }

  /** Draws the message's framing, host and persistence from its fields. */
  private interpret(): boolean {
    const { fields } = this;
    this.status = 400;
    this.body = bodyKind.none;
    this.contentLength = 0;
    if (fields.repeated !== 0 && (fields.repeated & onlyOnce) !== 0) return false;
    if (!this.readHost()) return false;
    if (fields.has(fieldId.transferEncoding)) {
      if (fields.has(fieldId.contentLength) || this.minor === 0) return false;
      if (!fields.isChunked) return false;
      this.body = bodyKind.chunked;
    } else if (fields.has(fieldId.contentLength)) {
      const text = fields.first(fieldId.contentLength);
      const length = parseContentLength(text);
      if (length < 0) return false;
      this.contentLength = length;
      if (length > 0) this.body = bodyKind.length;
      if (hasLeadingZero(text)) fields.canonical = false;
    }
    // Behind the head of CONNECT stands what goes through the tunnel (RFC 9110 §9.3.6).
    if (this.body !== bodyKind.none && this.method === 'CONNECT') return false;
    this.readConnection();
    if (!fields.has(fieldId.expect) || this.expectsContinue()) return true;
    this.status = 417;
    return false;
  }

  private expectsContinue(): boolean {
    const expected = listItems(this.fields.joined(fieldId.expect).toLowerCase());
    return expected.every((item) => item === '100-continue');
  }

  /** Checks Host and target against each other (RFC 9112 §3.2). */
  private readHost(): boolean {
    const { fields } = this;
    const named = fields.has(fieldId.host);
    if (!named && this.minor === 1) return false;
    this.authority = '';
    this.host = '';
    if (named && !this.setAuthority(fields.first(fieldId.host))) return false;
    const { target } = this;
    if (target.charCodeAt(0) === 47) return this.method !== 'CONNECT';
    if (this.method === 'CONNECT') return this.readAuthorityForm(named);
    if (target === '*') return this.method === 'OPTIONS';
    return this.readAbsoluteForm(named);
  }

  private readAuthorityForm(named: boolean): boolean {
    const { target } = this;
    if (named && target.toLowerCase() !== this.authority.toLowerCase()) return false;
    // CONNECT names the port.
    return this.setAuthority(target) && /\d$/.test(target) && this.host.length < target.length;
  }

  private readAbsoluteForm(named: boolean): boolean {
    const parts = /^(https?):\/\/([^/?]*)(.*)$/i.exec(this.target);
    if (parts === null) return false;
    this.isLineUnchanged = false;
    const [, scheme, authority, rest] = parts as unknown as [string, string, string, string];
    const port = scheme.toLowerCase() === 'https' ? ':443' : ':80';
    const given = withoutPort(authority.toLowerCase(), port);
    if (named && given !== withoutPort(this.authority.toLowerCase(), port)) return false;
    if (rest.charCodeAt(0) === 47) this.target = rest;
    else if (rest === '' && this.method === 'OPTIONS') this.target = '*';
    else this.target = `/${rest}`;
    return this.setAuthority(authority);
  }

  /** Takes the authority apart; false when it is none. */
  private setAuthority(authority: string): boolean {
    const length = hostLength(authority);
    if (length === -1) return false;
    this.authority = authority;
    this.host = length === authority.length ? authority : authority.substring(0, length);
    return true;
  }

  private readConnection(): void {
    const { fields } = this;
    this.keepAlive = this.minor === 1;
    this.upgrade = '';
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
    if (options.upgrades && this.minor === 1 && fields.has(fieldId.upgrade)) {
      this.upgrade = upgradeProtocols(fields.joined(fieldId.upgrade));
    }
  }

  private refuse(status: number): number {
    this.status = status;
    return MALFORMED;
  }
}

const DIGIT = 0;
const versionPattern = [72, 84, 84, 80, 47, DIGIT, 46, DIGIT, CR, LF];
const onlyOnce =
  (1 << fieldId.host) | (1 << fieldId.contentLength) | (1 << fieldId.transferEncoding);

/** Status for the first limit that a parsed request breaks, 0 for none. */
export function brokenLimit(
  head: RequestHead,
  headBytes: number,
  limits: IHeadLimits & { readonly bodyBytesMax: number },
): number {
  if (limits.bodyBytesMax !== 0 && head.contentLength > limits.bodyBytesMax) return 413;
  if (head.target.length > limits.uriBytesMax) return 414;
  if (headBytes > limits.headBytesMax) return 431;
  return head.fields.count > limits.headerCountMax ? 431 : 0;
}

/**
 * Reads a Content-Length: digits only.
 *
 * @returns -1 for anything else, a list included, and for what no number holds exactly.
 */
export function parseContentLength(text: string): number {
  if (text.length === 0 || text.length > 19) return -1;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length > Number.MAX_SAFE_INTEGER ? -1 : length;
}

/** Whether a checked Content-Length is not written in its shortest form. */
export function hasLeadingZero(text: string): boolean {
  return text.length > 1 && text.charCodeAt(0) === 48;
}
