import { isUtf8 } from 'node:buffer';
import { nearest } from '../../config/nearest.ts';
import { shortened } from '../../core/text.ts';
import { formatName, NameError, parseName } from '../codec/name.ts';
import { rdataCodec } from '../codec/rdata.ts';
import { soaMinimumS } from '../codec/soa.ts';
import { type IToken, RdataError, tokensOf } from '../codec/tokens.ts';
import { parseTtl, ttlMax } from '../codec/ttl.ts';
import {
  isMetaType,
  recordClass,
  recordClassOf,
  recordType,
  recordTypeName,
  recordTypeOf,
} from '../codec/types.ts';
import { EntryReader, type IEntry, type IPlacedToken } from './entry-reader.ts';
import { fillTemplate, fillTokens, parseRange, rangeCount } from './generate.ts';
import { type IMasterFileLimits, limitsFor } from './master-limits.ts';
import { escapeOddBytes, oddBytesMax } from './odd-bytes.ts';
import { runSteps } from './steps.ts';
import { type TSeverity, ZoneProblems, zoneProblemsMax } from './zone-problem.ts';

/** Longest word that a typing mistake is looked for in. */
const wordLengthMax = 80;

/** What a `$INCLUDE` brings. */
export interface IIncludedFile {
  readonly text: string | Buffer;
  /** For problems, and as `from` of what it includes itself. */
  readonly fileName: string;
}

/** How a master file is read. */
export interface IMasterFileOptions {
  /** What relative names end with until the first `$ORIGIN`, in wire form. */
  readonly origin: Buffer;
  /** Of the text, for problems and for `readInclude`. @default none */
  readonly fileName?: string;
  /**
   * Gives what `$INCLUDE` names; whatever it throws becomes a problem of that line.
   *
   * @param from name of the file with the `$INCLUDE`, to which the other one is relative.
   * @default `$INCLUDE` is refused
   */
  readonly readInclude?: (name: string, from: string | undefined) => IIncludedFile;
  /** Seconds, for records of which the file does not say any TTL. @default such a record is refused */
  readonly fallbackTtl?: number | undefined;
  readonly limits?: Partial<IMasterFileLimits>;
}

/** A record of the class IN and where it was read. */
export interface IMasterRecord {
  /** Owner in wire form, case kept. The same buffer as before when the owner is the same. */
  readonly name: Buffer;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdata: Buffer;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
}

/** The records of a master file and all that is wrong with it. */
export interface IMasterFile {
  readonly records: IMasterRecord[];
  readonly problems: ZoneProblems;
}

/**
 * Reads a master file (RFC 1035 §5, RFC 2308 §4, RFC 3597 §5): with TTLs like `1h30m`, class and
 * TTL in any order or left out, `$ORIGIN`, `$TTL`, `$INCLUDE` and BIND's `$GENERATE`. It goes on
 * after an error, to report all of them: records next to errors are not to be served.
 */
export function parse(text: string | Buffer, options: IMasterFileOptions): IMasterFile {
  const records: IMasterRecord[] = [];
  const problems = new ZoneProblems();
  runSteps(readMasterFile(text, options, problems, (record) => records.push(record)));
  return { records, problems };
}

/** The same for big files: gives each record away, and pauses so that others may run. */
export function readMasterFile(
  text: string | Buffer,
  options: IMasterFileOptions,
  problems: ZoneProblems,
  take: (record: IMasterRecord) => void,
): Generator<void, void> {
  return new MasterFile(options, problems, take).read(text, options.fileName);
}

/** Between two pauses as many entries are read. */
const entriesPerStep = 1_000;

const directives = ['$ORIGIN', '$TTL', '$INCLUDE', '$GENERATE'];

/** Something is wrong at a word, or at the end of the entry. */
class EntryError extends Error {
  readonly token: IPlacedToken | undefined;
  readonly suggestion: string | undefined;

  constructor(token: IPlacedToken | undefined, message: string, suggestion?: string) {
    super(message);
    this.token = token;
    this.suggestion = suggestion;
  }
}

/** TTL, class and type of a record, and where its data begins. */
interface IRecordHead {
  readonly ttl: number | undefined;
  readonly type: number;
  readonly dataAt: number;
}

class MasterFile {
  private readonly problems: ZoneProblems;
  private readonly take: (record: IMasterRecord) => void;
  private readonly limits: IMasterFileLimits;
  private readonly readInclude: IMasterFileOptions['readInclude'];
  private readonly fallbackTtl: number | undefined;
  private reader = new EntryReader('');
  private file: string | undefined;
  private origin: Buffer;
  /** Undefined before the first record; null after a name that is none. */
  private owner: Buffer | null | undefined;
  private ownerText: string | undefined;
  /** From `$TTL`, or from a SOA without a TTL. */
  private defaultTtl: number | undefined;
  private lastTtl: number | undefined;
  private saidLastTtl = false;
  private records = 0;
  private entries = 0;
  private generated = 0;
  private includes = 0;
  private depth = 0;
  /** Problems are not those of a record. */
  private inDirective = false;

  constructor(
    { origin, limits, readInclude, fallbackTtl }: IMasterFileOptions,
    problems: ZoneProblems,
    take: (record: IMasterRecord) => void,
  ) {
    this.origin = origin;
    this.limits = limitsFor(readInclude !== undefined, limits);
    this.readInclude = readInclude;
    this.fallbackTtl = fallbackTtl;
    this.problems = problems;
    this.take = take;
  }

  *read(text: string | Buffer, fileName: string | undefined): Generator<void, void> {
    const outer = { reader: this.reader, file: this.file };
    this.file = fileName;
    this.reader = new EntryReader(this.decode(text));
    for (;;) {
      const entry = this.reader.next();
      if (entry === null || this.records > this.limits.recordsMax) break;
      // Across files: thousands of small ones take their time too.
      if (++this.entries % entriesPerStep === 0) yield;
      yield* this.readEntry(entry);
    }
    this.reader = outer.reader;
    this.file = outer.file;
  }

  /** A file that is not UTF-8 has its odd bytes escaped, so that they stay what they are. */
  private decode(text: string | Buffer): string {
    if (text.length > this.limits.fileBytesMax) {
      this.report('error', 0, `The file has more than ${this.limits.fileBytesMax} bytes`);
      return '';
    }
    if (typeof text === 'string') return text;
    if (isUtf8(text)) return text.toString();
    if (text.length <= oddBytesMax) return escapeOddBytes(text);
    this.report('error', 0, `The file is not UTF-8 and has more than ${oddBytesMax} bytes`);
    return '';
  }

  private *readEntry(entry: IEntry): Generator<void, void> {
    const { tokens, blankOwner, fault } = entry;
    this.inDirective = false;
    if (fault !== null) {
      if (!blankOwner) this.setOwner(null);
      this.report('error', fault.at, fault.message);
      return;
    }
    const first = tokens[0] as IPlacedToken;
    this.inDirective = !first.quoted && first.text.startsWith('$');
    try {
      if (!this.inDirective) this.readRecord(tokens, blankOwner);
      else if (!blankOwner) yield* this.readDirective(first.text.toUpperCase(), tokens);
      else throw new EntryError(first, 'Expected the directive at the start of its line');
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      const at = error.token?.at ?? endOf(tokens.at(-1) as IPlacedToken);
      this.report('error', at, error.message, error.token?.text, error.suggestion);
    }
  }

  private *readDirective(directive: string, tokens: IPlacedToken[]): Generator<void, void> {
    const [first, value] = tokens;
    switch (directive) {
      case '$ORIGIN':
        this.origin = this.nameAt(value, 'the new origin');
        this.ownerText = undefined;
        return expectEnd(tokens, 2);
      case '$TTL':
        this.defaultTtl = this.ttlOf(value);
        return expectEnd(tokens, 2);
      case '$INCLUDE':
        return yield* this.include(tokens);
      case '$GENERATE':
        return yield* this.generate(tokens);
      default: {
        const message = expected(`one of ${directives.join(', ')}`, first);
        throw new EntryError(first, message, this.suggest(directive, directives));
      }
    }
  }

  /** Origin and owner are afterwards what they were before (RFC 1035 §5.1); a `$TTL` stays. */
  private *include(tokens: IPlacedToken[]): Generator<void, void> {
    const [, name, originToken] = tokens;
    if (name === undefined) throw new EntryError(name, 'Expected the name of a file');
    expectEnd(tokens, 3);
    const { origin, owner, ownerText } = this;
    const { text, fileName } = this.includedFile(name);
    if (originToken !== undefined) this.origin = this.nameAt(originToken, 'an origin');
    this.ownerText = undefined;
    this.depth++;
    yield* this.read(text, fileName);
    this.depth--;
    this.origin = origin;
    this.owner = owner;
    this.ownerText = ownerText;
  }

  private includedFile(name: IPlacedToken): IIncludedFile {
    if (this.readInclude === undefined) {
      throw new EntryError(name, 'A zone from here cannot include files');
    }
    const { includeDepthMax, includesMax } = this.limits;
    if (this.depth >= includeDepthMax) {
      throw new EntryError(name, `Files include each other more than ${includeDepthMax} deep`);
    }
    if (++this.includes > includesMax) {
      throw new EntryError(name, `More than ${includesMax} files are included`);
    }
    try {
      return this.readInclude(name.text, this.file);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new EntryError(name, `Cannot read "${shortened(name.text)}": ${reason}`);
    }
  }

  private *generate(tokens: IPlacedToken[]): Generator<void, void> {
    const [, rangeToken, ownerToken] = tokens;
    const range = parseRange(rangeToken?.text ?? '');
    if (range === undefined) {
      throw new EntryError(rangeToken, expected('a range like 1-10 or 0-254/2', rangeToken));
    }
    if (ownerToken === undefined) throw new EntryError(ownerToken, expected('an owner', undefined));
    const count = rangeCount(range);
    if (this.records + count > this.limits.recordsMax) {
      throw new EntryError(rangeToken, `More than ${this.limits.recordsMax} records in all`);
    }
    this.generated += count;
    if (this.generated > this.limits.generatedMax) {
      throw new EntryError(rangeToken, `More than ${this.limits.generatedMax} generated records`);
    }
    const head = this.headOf(tokens, 3);
    const data = tokens.slice(head.dataAt);
    const mark = { ...ownerToken };
    const { owner: previous, ownerText } = this;
    for (let value = range.first, done = 1; value <= range.last; value += range.step, done++) {
      if (done % entriesPerStep === 0) yield;
      const owner = fillTemplate(ownerToken.text, value);
      const filled = fillTokens(data, value, (text) => this.cut(text, data[0]));
      if (owner === undefined || filled === undefined) {
        const modifier = 'Expected modifiers like ${0,3,d} that give no negative number';
        throw new EntryError(owner === undefined ? ownerToken : data[0], modifier);
      }
      this.setOwner(this.nameAt({ ...mark, text: owner }, 'an owner'));
      // A mistake in one is a mistake in all: it is reported once.
      this.addRecord(head, filled, data, ownerToken.at);
    }
    // A record without an owner that follows belongs to the line before, as in BIND.
    this.owner = previous;
    this.ownerText = ownerText;
  }

  private cut(text: string, token: IPlacedToken | undefined): IToken[] {
    try {
      return tokensOf(text);
    } catch (error) {
      if (!(error instanceof RdataError)) throw error;
      throw new EntryError(token, error.message);
    }
  }

  private readRecord(tokens: IPlacedToken[], blankOwner: boolean): void {
    const first = tokens[0] as IPlacedToken;
    if (!blankOwner && (first.text !== this.ownerText || first.quoted)) {
      this.setOwner(null);
      this.setOwner(this.nameAt(first, 'an owner'), first.text);
    }
    const head = this.headOf(tokens, blankOwner ? 0 : 1);
    if (this.owner === undefined) {
      throw new EntryError(first, 'Expected an owner at the start of the line: none came before');
    }
    const data = tokens.slice(head.dataAt);
    this.addRecord(head, data, data, first.at);
  }

  private setOwner(owner: Buffer | null, text?: string): void {
    this.owner = owner;
    this.ownerText = text;
  }

  /** TTL and class in any order, or not at all, and the type. */
  private headOf(tokens: IPlacedToken[], from: number): IRecordHead {
    let ttl: number | undefined;
    let hasClass = false;
    for (let at = from; ; at++) {
      const token = tokens[at];
      if (token === undefined || token.quoted)
        throw new EntryError(token, expected('a type', token));
      const { text } = token;
      if (ttl === undefined && isDigit(text.charCodeAt(0)) && parseTtl(text) !== null) {
        ttl = this.ttlOf(token);
        continue;
      }
      const type = recordTypeOf(text);
      const classNumber = hasClass || type !== undefined ? undefined : recordClassOf(text);
      if (classNumber !== undefined) {
        if (classNumber !== recordClass.IN)
          throw new EntryError(token, expected('class IN', token));
        hasClass = true;
        continue;
      }
      if (type === undefined) {
        const words = ttl === undefined ? 'a TTL, class or type' : 'a class or type';
        const wanted = hasClass ? 'a type' : words;
        throw new EntryError(
          token,
          expected(wanted, token),
          this.suggest(text, Object.keys(recordType)),
        );
      }
      if (isMetaType(type) || type === 0) {
        throw new EntryError(token, `No zone can hold records of type ${recordTypeName(type)}`);
      }
      return { ttl, type, dataAt: at + 1 };
    }
  }

  /**
   * @param data the words of the data.
   * @param places the words as they stand in the file, to say where an error is.
   */
  private addRecord(
    { ttl, type }: IRecordHead,
    data: readonly IToken[],
    places: readonly IPlacedToken[],
    at: number,
  ): void {
    let rdata: Buffer;
    try {
      rdata = rdataCodec(type).parse(data, this.origin);
    } catch (error) {
      if (!(error instanceof RdataError)) throw error;
      throw new EntryError(places[error.token], `${recordTypeName(type)}: ${error.message}`);
    }
    const known = this.ttlFor(ttl, type, rdata, at);
    // The name of the owner was wrong: that has been said.
    if (this.owner === null || this.owner === undefined) return;
    if (++this.records > this.limits.recordsMax) {
      this.report('error', at, `More than ${this.limits.recordsMax} records`);
      return;
    }
    const { line } = this.reader.place(at);
    this.take({
      name: this.owner,
      type,
      ttl: known,
      rdata,
      file: this.file,
      line,
    } as IMasterRecord);
  }

  /** As BIND: `$TTL`, else the TTL before (RFC 1035), else for a SOA its negative TTL. */
  private ttlFor(ttl: number | undefined, type: number, rdata: Buffer, at: number): number {
    if (ttl !== undefined) {
      this.lastTtl = ttl;
      return ttl;
    }
    if (this.defaultTtl !== undefined) return this.defaultTtl;
    if (this.lastTtl !== undefined) {
      if (!this.saidLastTtl) {
        const message = 'There is no $TTL: records without a TTL get that of the record before';
        this.report('warning', at, message);
      }
      this.saidLastTtl = true;
      return this.lastTtl;
    }
    if (type !== recordType.SOA) {
      if (this.fallbackTtl !== undefined) return this.fallbackTtl;
      throw new EntryError(undefined, 'Expected a TTL: there is no $TTL and none came before');
    }
    this.report('warning', at, 'There is no $TTL: the last number of the SOA is taken');
    this.defaultTtl = Math.min(soaMinimumS(rdata), ttlMax);
    return this.defaultTtl;
  }

  private ttlOf(token: IPlacedToken | undefined): number {
    const seconds = parseTtl(token?.text ?? '');
    if (token === undefined || seconds === null) {
      throw new EntryError(token, expected('seconds or a time like 1h30m', token));
    }
    if (seconds <= ttlMax) return seconds;
    // RFC 2181 §8; BIND does the same.
    this.report('warning', token.at, `The TTL is above ${ttlMax} and counts as 0`, token.text);
    return 0;
  }

  private nameAt(token: IPlacedToken | undefined, what: string): Buffer {
    if (token === undefined || token.quoted) throw new EntryError(token, expected(what, token));
    if (token.text === '@') return this.origin;
    try {
      return parseName(token.text, this.origin);
    } catch (error) {
      if (!(error instanceof NameError)) throw error;
      throw new EntryError(token, `Expected ${what}: ${error.message}`);
    }
  }

  /** Not in a flood of errors, of which most are dropped, nor for what is no word: it takes a while. */
  private suggest(word: string, words: readonly string[]): string | undefined {
    const isWorthIt = this.problems.errorCount < zoneProblemsMax && word.length < wordLengthMax;
    return isWorthIt ? nearest(word, words) : undefined;
  }

  private report(
    severity: TSeverity,
    at: number,
    message: string,
    value?: string,
    suggestion?: string,
  ): void {
    this.problems.add(severity, () => ({
      path: this.owner && !this.inDirective ? formatName(this.owner) : '',
      message,
      ...(value === undefined ? {} : { value: shortened(value) }),
      ...(this.file === undefined ? {} : { file: this.file }),
      ...this.reader.place(at),
      ...(suggestion === undefined ? {} : { suggestion }),
    }));
  }
}

function expected(what: string, token: IToken | undefined): string {
  return `Expected ${what}, found ${token === undefined ? 'the end' : `"${shortened(token.text)}"`}`;
}

function expectEnd(tokens: readonly IPlacedToken[], count: number): void {
  const extra = tokens[count];
  if (extra !== undefined) throw new EntryError(extra, expected('the end of the line', extra));
}

function endOf({ at, text, quoted }: IPlacedToken): number {
  return at + text.length + (quoted ? 2 : 0);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
