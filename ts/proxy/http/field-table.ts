import { COLON, CR, HTAB, LF, SP, tokenClass, valueClass } from './characters.ts';
import { fieldId, fieldIdMax, fieldIdOf } from './field-names.ts';

/** `parse` needs more bytes. */
export const INCOMPLETE = -1;
/** `parse` met something that RFC 9112 forbids. */
export const MALFORMED = -2;
/** `parse` met more fields than allowed. */
export const TOO_MANY = -3;

/** Numbers that are kept of each field. */
const width = 5;

/** Whether the bytes from `start` begin with the very same head again. */
export function isRepeated(text: string, bytes: Buffer, start: number, end: number): boolean {
  const { length } = text;
  if (length === 0 || end - start < length) return false;
  // Heads differ in their target, their end or their length: look there first.
  if (bytes[start + length - 1] !== LF || bytes[start + 5] !== text.charCodeAt(5)) return false;
  const middle = length >> 1;
  if (bytes[start + middle] !== text.charCodeAt(middle)) return false;
  return bytes.toString('latin1', start, start + length) === text;
}

/**
 * The header (or trailer) section that was parsed last, as positions in its text.
 *
 * What is needed later has to be taken out of it before the next message is parsed.
 */
export class FieldTable {
  /** Text of the whole head; positions below count from its start. */
  text = '';
  count = 0;
  /** Where the first field line starts. */
  start = 0;
  /** Where the empty line that ends the section starts. */
  end = 0;
  /** Bit per known field name: it occurs. */
  seen = 0;
  /** Bit per known field name: it occurs more than once. */
  repeated = 0;
  /**
   * Every line is `name: value` with exactly one space, so that a part of the text is its own rebuilt
   * form. Whoever finds a value that has to be written in another way sets it to false.
   */
  canonical = true;
  private positions = new Int32Array(16 * width);
  private ids = new Uint8Array(16);
  private readonly firsts = new Int32Array(fieldIdMax + 1);

  /**
   * Parses field lines up to the empty line.
   *
   * @param base position of the text's start in `bytes`.
   * @param at position of the first field line in `bytes`.
   * @returns the position behind the empty line, or INCOMPLETE, MALFORMED or TOO_MANY.
   */
  parse(bytes: Uint8Array, base: number, at: number, end: number, countMax: number): number {
    this.count = 0;
    this.seen = 0;
    this.repeated = 0;
    this.canonical = true;
    this.start = at - base;
    let position = at;
    for (;;) {
      if (position >= end) return INCOMPLETE;
      if (bytes[position] === CR) {
        if (position + 1 >= end) return INCOMPLETE;
        if (bytes[position + 1] !== LF) return MALFORMED;
        this.end = position - base;
        return position + 2;
      }
      const nameStart = position;
      while (position < end && tokenClass[bytes[position] as number] === 1) position++;
      if (position >= end) return INCOMPLETE;
      // A space before the colon and a folded line end here too.
      if (bytes[position] !== COLON || position === nameStart) return MALFORMED;
      const nameEnd = position;
      position++;
      while (position < end && (bytes[position] === SP || bytes[position] === HTAB)) position++;
      const valueStart = position;
      while (position < end && valueClass[bytes[position] as number] === 1) position++;
      if (position + 1 >= end) {
        return position < end && bytes[position] !== CR ? MALFORMED : INCOMPLETE;
      }
      if (bytes[position] !== CR || bytes[position + 1] !== LF) return MALFORMED;
      if (this.count >= countMax) return TOO_MANY;
      this.add(bytes, base, nameStart, nameEnd, valueStart, position);
      position += 2;
    }
  }

  /** Number of the known name of field `index`, 0 for other names. */
  id(index: number): number {
    return this.ids[index] as number;
  }

  /** Where the line of field `index` starts. */
  lineStart(index: number): number {
    return this.positions[index * width] as number;
  }

  /** Where the line behind field `index` starts. */
  lineEnd(index: number): number {
    return this.positions[index * width + 4] as number;
  }

  /** Name of field `index`, as sent. */
  name(index: number): string {
    const at = index * width;
    return this.text.substring(this.positions[at] as number, this.positions[at + 1]);
  }

  /** Value of field `index` without white space around it. */
  value(index: number): string {
    const at = index * width;
    return this.text.substring(this.positions[at + 2] as number, this.positions[at + 3]);
  }

  /** True when the known name occurs. */
  has(id: number): boolean {
    return (this.seen & (1 << id)) !== 0;
  }

  /** Value of the first field with the known name, '' when absent. */
  first(id: number): string {
    return this.has(id) ? this.value(this.firsts[id] as number) : '';
  }

  /**
   * True when the first `Transfer-Encoding`, which has to be there, is `chunked` and nothing else.
   *
   * A tab at its side makes it something else: not everybody takes that for white space.
   */
  get isChunked(): boolean {
    const index = this.firsts[fieldId.transferEncoding] as number;
    if (this.value(index).toLowerCase() !== 'chunked') return false;
    return !this.text.substring(this.lineStart(index), this.lineEnd(index)).includes('\t');
  }

  /** All values of a known name, joined by `, `. */
  joined(id: number): string {
    if ((this.repeated & (1 << id)) === 0) return this.first(id);
    const separator = ', ';
    let text = '';
    for (let index = 0; index < this.count; index++) {
      if (this.ids[index] !== id) continue;
      text += text === '' ? this.value(index) : separator + this.value(index);
    }
    return text;
  }

  /** All values of any name (in lower case), joined by `, `; undefined when absent. */
  lookup(lowerName: string): string | undefined {
    let text: string | undefined;
    for (let index = 0; index < this.count; index++) {
      const name = this.name(index);
      if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue;
      const separator = lowerName === 'cookie' ? '; ' : ', ';
      text = text === undefined ? this.value(index) : text + separator + this.value(index);
    }
    return text;
  }

  private add(
    bytes: Uint8Array,
    base: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    lineEnd: number,
  ): void {
    let valueEnd = lineEnd;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1] as number)) valueEnd--;
    if (valueStart !== nameEnd + 2 || bytes[nameEnd + 1] !== SP || valueEnd !== lineEnd) {
      this.canonical = false;
    }
    const index = this.count++;
    if (index >= this.ids.length) this.grow();
    const id = fieldIdOf(bytes, nameStart, nameEnd);
    this.ids[index] = id;
    if (id !== 0) {
      const bit = 1 << id;
      if ((this.seen & bit) !== 0) {
        this.repeated |= bit;
      } else {
        this.seen |= bit;
        this.firsts[id] = index;
      }
    }
    const { positions } = this;
    const at = index * width;
    positions[at] = nameStart - base;
    positions[at + 1] = nameEnd - base;
    positions[at + 2] = valueStart - base;
    positions[at + 3] = valueEnd - base;
    positions[at + 4] = lineEnd + 2 - base;
  }

  private grow(): void {
    const ids = new Uint8Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
    const positions = new Int32Array(this.positions.length * 2);
    positions.set(this.positions);
    this.positions = positions;
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}
