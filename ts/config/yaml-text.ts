import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { duplicateKey, type ITextFault } from './json-text.ts';
import { LineMap } from './line-map.ts';
import type { TPath } from './path.ts';
import type { ITextPlace } from './source.ts';

/** Syntax errors that are reported of one file; the rest are mostly their echo. */
const faultsMax = 20;

const tooDeep = 'Must not be nested this deep';

/**
 * A YAML 1.2 text (core schema, with merge keys): its data, what is wrong with it, and where
 * everything stands.
 */
export class YamlText {
  /** What is wrong with the syntax; with any of these there is no `value`. */
  readonly faults: ITextFault[] = [];
  /** The data; an empty file is an empty map. What an alias repeats is shared, not copied. */
  readonly value: unknown;
  readonly #document: Document.Parsed | undefined;
  readonly #lines: LineMap;

  constructor(text: string) {
    this.#lines = new LineMap(text);
    try {
      this.#document = parseDocument(text, {
        version: '1.2',
        schema: 'core',
        merge: true,
        resolveKnownTags: false,
        uniqueKeys: true,
        prettyErrors: false,
        logLevel: 'error',
      });
      this.faults = faultsOf(this.#document, text);
      if (this.faults.length > 0) return;
      // The walk over the data has a limit of its own, which counts what aliases multiply.
      this.value = this.#document.toJS({ maxAliasCount: -1 }) ?? {};
    } catch (error) {
      this.faults = [thrownFault(error, this.#document)];
    }
  }

  /** Where a key or value stands; for a missing one, what should have held it. */
  locate(path: TPath, at: 'key' | 'value'): ITextPlace | undefined {
    let node: unknown = this.#document?.contents;
    let key: unknown;
    for (const part of path) {
      const child = this.#childOf(node, part);
      if (child === undefined) return this.#placeOfNode(key ?? node);
      node = child.value;
      key = child.key;
    }
    return this.#placeOfNode(at === 'key' ? (key ?? node) : node) ?? this.#placeOfNode(key);
  }

  #childOf(node: unknown, part: string | number): { key: unknown; value: unknown } | undefined {
    const holder = this.#resolve(node);
    if (isSeq(holder)) {
      const item = typeof part === 'number' ? holder.items[part] : undefined;
      return item === undefined ? undefined : { key: undefined, value: item };
    }
    return isMap(holder) ? this.#pairOf(holder, String(part)) : undefined;
  }

  #pairOf(map: YAMLMap, name: string): { key: unknown; value: unknown } | undefined {
    const own = map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
    if (own !== undefined) return own;
    for (const { key, value } of map.items) {
      if (!isScalar(key) || key.source !== '<<') continue;
      const merged = this.#resolve(value);
      for (const source of isSeq(merged) ? merged.items : [merged]) {
        const holder = this.#resolve(source);
        const pair = isMap(holder) ? this.#pairOf(holder, name) : undefined;
        if (pair !== undefined) return pair;
      }
    }
    return undefined;
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) && this.#document !== undefined ? node.resolve(this.#document) : node;
  }

  #placeOfNode(node: unknown): ITextPlace | undefined {
    const offset = isNode(node) ? node.range?.[0] : undefined;
    return offset === undefined ? undefined : this.#lines.placeOf(offset);
  }
}

function faultsOf(document: Document.Parsed, text: string): ITextFault[] {
  const lines = new Set<number>();
  const faults: ITextFault[] = [];
  // An unknown tag is only a warning to the library, which reads the value as if it had none.
  for (const error of [...document.errors, ...document.warnings]) {
    const [offset] = error.pos;
    const line = text.lastIndexOf('\n', offset - 1);
    if (lines.has(line) || faults.length === faultsMax) continue;
    lines.add(line);
    faults.push({ offset, message: messageOf(error, text) });
  }
  return faults;
}

function messageOf(error: YAMLError, text: string): string {
  switch (error.code) {
    case 'DUPLICATE_KEY':
      return duplicateKey(text.slice(error.pos[0]).match(/^[^\s:]*/)?.[0] ?? '');
    case 'TAB_AS_INDENT':
      return 'Must be indented with blanks: YAML takes no tabs';
    case 'BAD_INDENT':
      return 'Must be indented like its neighbours';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'Must be in quotes: ": " in a plain text begins a map';
    case 'MULTIPLE_DOCS':
      return 'Must be one document: nothing may follow "---"';
    case 'RESOURCE_EXHAUSTION':
      return tooDeep;
    case 'TAG_RESOLVE_FAILED':
      return 'Must be plain data: YAML tags like this one are not accepted';
    case 'BAD_SCALAR_START':
      return 'Must be in quotes: a plain text cannot begin with this character';
    default:
      return `Must be valid YAML: ${error.message}`;
  }
}

/** Some errors are thrown while the data are built, and name no place. */
function thrownFault(error: unknown, document: Document.Parsed | undefined): ITextFault {
  if (error instanceof RangeError) return { offset: 0, message: tooDeep };
  let fault: ITextFault = { offset: 0, message: `Must be valid YAML: ${reasonOf(error)}` };
  if (document === undefined) return fault;
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      const message = 'Must be an alias of an anchor that stands before it';
      fault = { offset: alias.range?.[0] ?? 0, message };
      return visit.BREAK;
    },
    Pair(_key, pair) {
      if (!isScalar(pair.key) || pair.key.source !== '<<') return undefined;
      const value = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
      if (value === undefined) return undefined;
      const sources = isSeq(value) ? value.items : [value];
      if (sources.every((source) => isMap(source) || isAlias(source))) return undefined;
      const message = 'Must be a map to merge, or an alias of one';
      fault = { offset: pair.key.range?.[0] ?? 0, message };
      return visit.BREAK;
    },
  });
  return fault;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
