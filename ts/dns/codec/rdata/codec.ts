import { lowerName, readName, type TName } from '../name.ts';
import { type IToken, RdataError } from '../tokens.ts';
import { type IField, TokenReader } from './field.ts';
import { parseHex } from './texts.ts';

/** Where a name lies in the data of a record: from the first to before the second. */
export type TNameRange = readonly [start: number, end: number];

/**
 * What can be done with the data of one type of record. Names in the data are uncompressed. All of
 * it but `check`, `uncompress` and `format` takes only data for which `check` holds.
 */
export interface IRdataCodec {
  /** Names in it may be compressed when we send it: in the types of RFC 1035 (RFC 3597 §4). */
  readonly compresses: boolean;
  /**
   * Reads the text, also in the generic form `\# 4 c0000201` (RFC 3597 §5).
   *
   * @throws RdataError which names the word that is wrong, and what was expected.
   */
  parse(tokens: readonly IToken[], origin: TName): Buffer;
  /**
   * The text, on one line, with absolute names; `parse` makes the same bytes of it. Data that is
   * malformed, or has no other text, comes in the generic form.
   */
  format(rdata: Buffer): string;
  /** Whether the data is well-formed, with no byte too many. */
  check(rdata: Buffer): boolean;
  /**
   * Reads the data at `offset` of a message: expands compressed names, in the types where RFC 3597
   * §4 allows them. Data of the other types lies on the message's memory.
   *
   * @returns null when it is malformed.
   */
  uncompress(message: Buffer, offset: number, length: number): Buffer | null;
  /** The form that is signed and compared: RFC 4034 §6.2, RFC 6840 §5.1. May be the same buffer. */
  canonical(rdata: Buffer): Buffer;
  /** The names whose addresses belong into the additional section, on the data's memory. */
  names(rdata: Buffer): TName[];
  /** Where all the names are. */
  nameRanges(rdata: Buffer): TNameRange[];
}

/** What distinguishes one type from another. */
export interface IRdataShape {
  readonly fields: readonly IField[];
  /**
   * Compressed names: `none` are there, they are expanded when they come (`receive`), or we make
   * them also (`send`). Default: `none`.
   */
  readonly compression?: 'none' | 'receive' | 'send';
  /** What must hold for the whole, beyond its fields. */
  readonly constraint?: {
    readonly expected: string;
    holds(rdata: Buffer): boolean;
  };
}

/** Data of a type that is not known: any bytes, in the generic form. */
export const unknownCodec: IRdataCodec = {
  compresses: false,
  parse(tokens) {
    const rdata = parseGeneric(tokens);
    if (rdata === null) throw new RdataError(0, 'unknown data like \\# 2 c001', tokens[0]);
    return rdata;
  },
  format: formatGeneric,
  check: () => true,
  uncompress: (message, offset, length) =>
    offset + length <= message.length ? message.subarray(offset, offset + length) : null,
  canonical: (rdata) => rdata,
  names: () => [],
  nameRanges: () => [],
};

/** Makes the codec of a type from its fields. */
export function codecOf(shape: IRdataShape): IRdataCodec {
  const { fields, constraint, compression = 'none' } = shape;
  const hasLowered = fields.some((field) => field.name?.lowered === true);

  /** Where each field ends; null when one is malformed, or the data does not end with the last. */
  function endsOf(rdata: Buffer): number[] | null {
    const ends: number[] = [];
    let at = 0;
    for (const field of fields) {
      at = field.end(rdata, at);
      if (at === -1) return null;
      ends.push(at);
    }
    if (at !== rdata.length || constraint?.holds(rdata) === false) return null;
    return ends;
  }

  function rangesOf(rdata: Buffer, isWanted: (field: IField) => boolean): TNameRange[] {
    const ends = endsOf(rdata) ?? [];
    return ends.flatMap((end, index): TNameRange[] => {
      const field = fields[index];
      return field !== undefined && isWanted(field) ? [[ends[index - 1] ?? 0, end]] : [];
    });
  }

  function uncompress(message: Buffer, offset: number, length: number): Buffer | null {
    const bounded = message.subarray(0, offset + length);
    const parts: Buffer[] = [];
    let at = offset;
    for (const field of fields) {
      const start = at;
      if (field.name === undefined) {
        at = field.end(bounded, start);
        if (at === -1) return null;
        parts.push(bounded.subarray(start, at));
      } else {
        const read = readName(bounded, start);
        if (read === null) return null;
        at = read.end;
        parts.push(read.name);
      }
    }
    if (at !== offset + length) return null;
    const rdata = Buffer.concat(parts);
    if (rdata.length > rdataBytesMax) return null;
    return constraint?.holds(rdata) === false ? null : rdata;
  }

  return {
    compresses: compression === 'send',
    parse(tokens, origin) {
      const generic = parseGeneric(tokens);
      if (generic !== null) {
        if (endsOf(generic) !== null) return generic;
        throw new RdataError(1, 'well-formed data of this type', tokens[1]);
      }
      const input = new TokenReader(tokens, origin);
      const parts = fields.map((field) => field.parse(input));
      input.finish();
      const rdata = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      if (rdata.length > rdataBytesMax) throw input.failure(`at most ${rdataBytesMax} bytes`);
      if (constraint?.holds(rdata) === false) throw input.failure(constraint.expected);
      return rdata;
    },
    format(rdata) {
      const ends = endsOf(rdata);
      if (ends === null) return formatGeneric(rdata);
      const texts: string[] = [];
      for (const [index, field] of fields.entries()) {
        const text = field.format(rdata, ends[index - 1] ?? 0, ends[index] as number);
        if (text === null) return formatGeneric(rdata);
        if (text !== '') texts.push(text);
      }
      return texts.join(' ');
    },
    check: (rdata) => endsOf(rdata) !== null,
    uncompress(message, offset, length) {
      if (offset + length > message.length) return null;
      if (compression !== 'none') return uncompress(message, offset, length);
      const rdata = message.subarray(offset, offset + length);
      return endsOf(rdata) === null ? null : rdata;
    },
    canonical(rdata) {
      if (!hasLowered) return rdata;
      const lower = Buffer.from(rdata);
      for (const [start, end] of rangesOf(rdata, (field) => field.name?.lowered === true)) {
        lowerName(lower.subarray(start, end)).copy(lower, start);
      }
      return lower;
    },
    names: (rdata) =>
      rangesOf(rdata, (field) => field.name?.additional === true).map(([start, end]) =>
        rdata.subarray(start, end),
      ),
    nameRanges: (rdata) => rangesOf(rdata, (field) => field.name !== undefined),
  };
}

/** The length of data takes 16 bits. */
const rdataBytesMax = 0xffff;

/** RFC 3597 §5; null when it is not in that form. */
function parseGeneric(tokens: readonly IToken[]): Buffer | null {
  const first = tokens[0];
  if (first === undefined || first.quoted || first.text !== '\\#') return null;
  const input = new TokenReader(tokens.slice(1), Buffer.alloc(1));
  const length = Number(/^\d{1,5}$/.exec(input.next('the count of bytes'))?.[0] ?? -1);
  const digits = input.isDone ? '' : input.rest('bytes in hex digits');
  const rdata = parseHex(digits);
  if (length > rdataBytesMax || rdata === null || rdata.length !== length) {
    throw new RdataError(2, 'the count of bytes, and as many in hex digits', tokens[2]);
  }
  return rdata;
}

function formatGeneric(rdata: Buffer): string {
  return rdata.length === 0
    ? '\\# 0'
    : `\\# ${rdata.length} ${rdata.toString('hex').toUpperCase()}`;
}
