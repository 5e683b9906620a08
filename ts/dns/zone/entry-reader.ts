import type { IToken } from '../codec/tokens.ts';

/** A word and where it begins in the text. */
export interface IPlacedToken extends IToken {
  readonly at: number;
}

/** A directive or record of a master file with the lines that its parentheses join. */
export interface IEntry {
  readonly tokens: IPlacedToken[];
  /** The line begins with a blank: the record has the owner of the one before. */
  readonly blankOwner: boolean;
  /** Why the words are not to be trusted, and where. */
  readonly fault: { readonly at: number; readonly message: string } | null;
}

const newline = 0x0a;
const blank = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;
const quoteMark = 0x22;
const openParenthesis = 0x28;
const closeParenthesis = 0x29;
const semicolon = 0x3b;
const equalsSign = 0x3d;
const backslash = 0x5c;

/** Characters of a word: 65,535 bytes of data, each of them as `\DDD`, have room. */
const wordLengthMax = 300_000;
/** Words of one entry; more are the mark of a parenthesis that was forgotten. */
const entryTokensMax = 100_000;

/**
 * Cuts a master file into entries (RFC 1035 §5.1), without knowing what they mean.
 *
 * After a fault it goes on with the next line, so that one mistake does not hide the others. Only a
 * parenthesis that is never closed takes the rest of the file with it.
 */
export class EntryReader {
  private readonly text: string;
  private position = 0;
  private depth = 0;
  private openedAt = 0;
  private fault: IEntry['fault'] = null;
  /** Lines are counted from the last place that was asked for. */
  private placeAt = 0;
  private placeLine = 1;

  constructor(text: string) {
    this.text = text;
    // Editors on Windows put a byte order mark at the start.
    if (text.charCodeAt(0) === 0xfeff) this.position = 1;
  }

  /** Where the next entry begins, at most: from 0 to the length of the text. */
  get offset(): number {
    return this.position;
  }

  /** The next entry, or null at the end of the text. Blank lines and comments are left out. */
  next(): IEntry | null {
    while (this.position < this.text.length) {
      const first = this.text.charCodeAt(this.position);
      const blankOwner = first === blank || first === tab;
      this.fault = null;
      const tokens = this.readTokens();
      if (tokens.length > 0 || this.fault !== null)
        return { tokens, blankOwner, fault: this.fault };
    }
    return null;
  }

  /** Line and column, from 1, of an offset; cheap when offsets are asked for in their order. */
  place(offset: number): { line: number; column: number } {
    if (offset < this.placeAt) {
      this.placeAt = 0;
      this.placeLine = 1;
    }
    for (;;) {
      const at = this.text.indexOf('\n', this.placeAt);
      if (at === -1 || at >= offset) break;
      this.placeAt = at + 1;
      this.placeLine++;
    }
    return { line: this.placeLine, column: offset - this.placeAt + 1 };
  }

  /** The words up to the end of the line, or of the line in which the last parenthesis closes. */
  private readTokens(): IPlacedToken[] {
    const { text } = this;
    const tokens: IPlacedToken[] = [];
    this.depth = 0;
    while (this.position < text.length) {
      const code = text.charCodeAt(this.position);
      if (code === newline) {
        this.position++;
        if (this.depth === 0) return tokens;
      } else if (code === blank || code === tab || code === carriageReturn) {
        this.position++;
      } else if (code === semicolon) {
        this.position = this.lineEnd();
      } else if (code === openParenthesis) {
        if (this.depth++ === 0) this.openedAt = this.position;
        this.position++;
      } else if (code === closeParenthesis) {
        if (this.depth-- === 0) return this.fail(tokens, this.position, '")" closes nothing');
        this.position++;
      } else {
        const token = code === quoteMark ? this.readQuoted() : this.readWord();
        if (token === null) return tokens;
        tokens.push(token);
        if (tokens.length > entryTokensMax) {
          return this.fail(tokens, this.openedAt, 'Expected ")" to close this "(" earlier');
        }
      }
    }
    if (this.depth > 0) {
      return this.fail(tokens, this.openedAt, 'Expected ")" to close this "(", found the end');
    }
    return tokens;
  }

  private fail(tokens: IPlacedToken[], at: number, message: string): IPlacedToken[] {
    this.fault ??= { at, message };
    this.position = this.lineEnd() + 1;
    return tokens;
  }

  private lineEnd(): number {
    const end = this.text.indexOf('\n', this.position);
    return end === -1 ? this.text.length : end;
  }

  /** What stands between quotes; the escapes stay in it. */
  private readQuoted(): IPlacedToken | null {
    const at = this.position;
    const end = this.quoteEnd(at + 1);
    if (end === -1) return null;
    if (end - at > wordLengthMax) return this.failWord(at);
    this.position = end + 1;
    return { text: this.text.slice(at + 1, end), quoted: true, at };
  }

  /** @returns where the closing quote is, or -1 after noting the fault. */
  private quoteEnd(from: number): number {
    for (let at = from; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (code === backslash) at++;
      else if (code === quoteMark) return at;
      if (this.text.charCodeAt(at) === newline) break;
    }
    this.position = from - 1;
    this.fail([], from - 1, 'Expected a closing quote in the same line');
    return -1;
  }

  /** A word without quotes around it; behind a `=` it may hold some (RFC 9460 §2.1). */
  private readWord(): IPlacedToken | null {
    const { text } = this;
    const start = this.position;
    let at = start;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > backslash) continue;
      if (code === backslash) {
        if (text.charCodeAt(at + 1) !== newline) at++;
      } else if (code === quoteMark) {
        if (text.charCodeAt(at - 1) !== equalsSign) break;
        at = this.quoteEnd(at + 1);
        if (at === -1) return null;
      } else if (endsWord(code)) {
        break;
      }
    }
    if (at - start > wordLengthMax) return this.failWord(start);
    this.position = Math.min(at, text.length);
    return { text: text.slice(start, this.position), quoted: false, at: start };
  }

  private failWord(at: number): null {
    this.fail([], at, `Expected a word of at most ${wordLengthMax} characters`);
    return null;
  }
}

function endsWord(code: number): boolean {
  switch (code) {
    case newline:
    case blank:
    case tab:
    case carriageReturn:
    case openParenthesis:
    case closeParenthesis:
    case semicolon:
      return true;
    default:
      return false;
  }
}
