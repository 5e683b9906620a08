import { LineMap } from './line-map.ts';
import type { TPath } from './path.ts';
import type { ITextPlace } from './source.ts';

/** Something wrong in a JSON text, at an offset. */
export interface ITextFault {
  offset: number;
  message: string;
}

/** Where a value of a JSON text stands, its key, and what it holds. */
interface INode {
  key: number | undefined;
  value: number;
  children: Map<string | number, INode> | undefined;
}

/** Deepest nesting that is read; `JSON.parse` alone would take more than the checks after it. */
const depthMax = 100;

/**
 * Reads a JSON text for what `JSON.parse` does not tell: where something stands, what exactly is
 * wrong, and whether a key is given twice.
 */
export class JsonText {
  /** The first error of syntax, and every repeated key before it. */
  readonly faults: ITextFault[] = [];
  readonly #text: string;
  readonly #lines: LineMap;
  readonly #keepsPlaces: boolean;
  readonly #root: INode | undefined;
  #at = 0;

  /** @param keepsPlaces whether `locate` will be asked; without it, reading is much cheaper. */
  constructor(text: string, keepsPlaces: boolean) {
    this.#text = text;
    this.#lines = new LineMap(text);
    this.#keepsPlaces = keepsPlaces;
    try {
      this.#root = this.#value(undefined, 0);
      this.#blanks();
      if (this.#at < text.length) this.#fail('Must end here: one value makes the file');
    } catch (error) {
      if (!(error instanceof JsonFault)) throw error;
      this.faults.push({ offset: error.offset, message: error.message });
    }
  }

  /** Where a key or value stands; for a missing one, what should have held it. */
  locate(path: TPath, at: 'key' | 'value'): ITextPlace | undefined {
    let node = this.#root;
    for (const part of path) {
      const child = node?.children?.get(part);
      if (child === undefined) return node && this.#lines.placeOf(node.key ?? node.value);
      node = child;
    }
    if (node === undefined) return undefined;
    return this.#lines.placeOf(at === 'key' ? (node.key ?? node.value) : node.value);
  }

  #value(key: number | undefined, depth: number): INode | undefined {
    this.#blanks();
    const node: INode = { key, value: this.#at, children: undefined };
    if (depth > depthMax) this.#fail(`Must not be nested deeper than ${depthMax} levels`);
    switch (this.#text[this.#at]) {
      case '{':
        this.#object(node, depth);
        break;
      case '[':
        this.#array(node, depth);
        break;
      case '"':
        this.#string();
        break;
      default:
        this.#word();
    }
    return this.#keepsPlaces ? node : undefined;
  }

  #object(node: INode, depth: number): void {
    const keys = new Set<string>();
    if (this.#keepsPlaces) node.children = new Map();
    this.#at++;
    this.#blanks();
    if (this.#take('}')) return;
    for (;;) {
      this.#blanks();
      const start = this.#at;
      if (this.#text[start] !== '"') this.#fail(keyReasonOf(this.#text, start));
      const key = this.#string();
      if (keys.has(key)) this.faults.push({ offset: start, message: duplicateKey(key) });
      keys.add(key);
      this.#blanks();
      if (!this.#take(':')) this.#fail('Must be a ":" after the key');
      const child = this.#value(start, depth + 1);
      if (child !== undefined) node.children?.set(key, child);
      this.#blanks();
      if (this.#take('}')) return;
      this.#comma('}');
    }
  }

  #array(node: INode, depth: number): void {
    if (this.#keepsPlaces) node.children = new Map();
    this.#at++;
    this.#blanks();
    if (this.#take(']')) return;
    for (let index = 0; ; index++) {
      const child = this.#value(undefined, depth + 1);
      if (child !== undefined) node.children?.set(index, child);
      this.#blanks();
      if (this.#take(']')) return;
      this.#comma(']');
    }
  }

  #comma(closing: string): void {
    const comma = this.#at;
    if (!this.#take(',')) {
      this.#fail(commonReasonOf(this.#text, comma) ?? `Must be a "," or "${closing}" here`);
    }
    this.#blanks();
    if (this.#text[this.#at] === closing) {
      throw new JsonFault(comma, 'Must not be a comma: JSON takes none after the last item');
    }
  }

  #string(): string {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (end !== -1 && isEscaped(this.#text, end)) end = this.#text.indexOf('"', end + 1);
    if (end === -1) this.#fail('Must have its closing quote');
    const raw = this.#text.slice(start + 1, end);
    this.#at = end + 1;
    if (!hasOddCharacter(raw)) return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      // Where inside the string it is wrong matters less than which string it is.
      throw new JsonFault(start, 'Must be a text without line ends and with valid escapes');
    }
  }

  #word(): void {
    wordPattern.lastIndex = this.#at;
    const [word = ''] = wordPattern.exec(this.#text) ?? [];
    if (!valuePattern.test(word)) this.#fail(reasonOf(this.#text, this.#at, word));
    this.#at += word.length;
  }

  #blanks(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(message: string): never {
    throw new JsonFault(this.#at, message);
  }
}

/** What is said of a key that stands twice in one map. */
export function duplicateKey(key: string): string {
  return `Must be given once: "${key}" stands in this map already`;
}

class JsonFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const wordPattern = /[^\s,:{}[\]"]*/y;
const valuePattern = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text[quote - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

function hasOddCharacter(raw: string): boolean {
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index);
    if (code < 0x20 || code === 0x5c) return true;
  }
  return false;
}

function reasonOf(text: string, at: number, word: string): string {
  if (word.startsWith("'")) return 'Must be in double quotes';
  return (
    commonReasonOf(text, at) ??
    'Must be a value: a text in double quotes, a number, true, false, null, a list or a map'
  );
}

function keyReasonOf(text: string, at: number): string {
  return commonReasonOf(text, at) ?? 'Must be a key in double quotes';
}

function commonReasonOf(text: string, at: number): string | undefined {
  if (at >= text.length) return 'Must go on: the file ends in the middle';
  return /^(?:\/[/*]|#)/.test(text.slice(at, at + 2))
    ? 'Must not be a comment: JSON has none, YAML has'
    : undefined;
}
