import type { TName } from '../name.ts';
import { NameError, parseName } from '../name.ts';
import { type IToken, RdataError } from '../tokens.ts';

/** One part of a record's data, in text one word or more, in bytes one range. */
export interface IField {
  /** A domain name, and what is done with it. */
  readonly name?: INameUse;
  /** @throws RdataError through `input` when the next words are not what the field needs. */
  parse(input: TokenReader): Buffer;
  /**
   * Where the field that starts at `at` ends; -1 when it is malformed. Nothing after `bytes` is
   * data, and what is at `at` may be outside already.
   */
  end(bytes: Buffer, at: number): number;
  /** The text of the field in that range, which is well-formed; null: only as unknown data. */
  format(bytes: Buffer, at: number, end: number): string | null;
}

/** What a domain name in the data of a record is used for. */
export interface INameUse {
  /** It is written in lower case when signed: RFC 4034 §6.2 as corrected by RFC 6840 §5.1. */
  readonly lowered: boolean;
  /** Its addresses help whoever asked, so they go into the additional section. */
  readonly additional: boolean;
}

/** Walks through the words of one record's data. */
export class TokenReader {
  /** What names without a trailing dot are relative to. */
  readonly origin: TName;
  private readonly tokens: readonly IToken[];
  private at = 0;

  constructor(tokens: readonly IToken[], origin: TName) {
    this.tokens = tokens;
    this.origin = origin;
  }

  get isDone(): boolean {
    return this.at === this.tokens.length;
  }

  /** The next word; it stays the next one. */
  get peek(): IToken | undefined {
    return this.tokens[this.at];
  }

  /** The next word, in quotes or not. */
  nextString(expected: string): IToken {
    const token = this.tokens[this.at];
    if (token === undefined) throw new RdataError(this.at, expected, undefined);
    this.at++;
    return token;
  }

  /** The text of the next word, which stands in no quotes. */
  next(expected: string): string {
    const token = this.nextString(expected);
    if (token.quoted) throw this.failure(expected);
    return token.text;
  }

  /** All words that are left, put together; there is at least one. */
  rest(expected: string): string {
    let text = this.next(expected);
    while (!this.isDone) text += this.next(expected);
    return text;
  }

  /** The next word as a domain name; `@` is the origin. */
  name(expected: string): TName {
    const text = this.next(expected);
    if (text === '@') return this.origin;
    try {
      return parseName(text, this.origin);
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      throw this.failure(`${expected} (this has ${error.reason})`);
    }
  }

  /** The error for the word that was taken last. */
  failure(expected: string): RdataError {
    const index = Math.max(this.at - 1, 0);
    return new RdataError(index, expected, this.tokens[index]);
  }

  /** @throws RdataError when words are left. */
  finish(): void {
    if (!this.isDone) throw new RdataError(this.at, 'the end of the record', this.peek);
  }
}
