import { readdirSync, readFileSync } from 'node:fs';

/** What the doc comment of a field says. */
export interface IFieldDoc {
  /** The comment, without its default. */
  text: string;
  /** What follows `@default`. */
  default?: string;
}

const folder = new URL('../ts_interfaces/data/', import.meta.url);

/**
 * Reads the doc comments of the public data types, by `Interface.field`; a field of an inline
 * object is `Interface.field.inner`, and an interface itself is `Interface`.
 *
 * It knows the layout that the formatter gives these files, one field a line, and no more of the
 * language.
 */
export function readInterfaces(): Map<string, IFieldDoc> {
  const docs = new Map<string, IFieldDoc>();
  for (const file of readdirSync(folder).sort()) {
    readDocs(readFileSync(new URL(file, folder), 'utf8'), docs);
  }
  return docs;
}

function readDocs(source: string, docs: Map<string, IFieldDoc>): void {
  const holders: string[] = [];
  let comment: string | undefined;
  let type = '';
  for (const block of source.matchAll(/^[ ]*\/\*\*([\s\S]*?)\*\/$|^.*$/gm)) {
    if (block[1] !== undefined) {
      comment = block[1];
      continue;
    }
    const line = block[0];
    const declared = /^export (?:interface|type) (\w+)/.exec(line);
    const field = /^\s+(?:readonly )?(\w+)\??: (.*)$/.exec(line);
    if (declared?.[1] !== undefined) {
      type = declared[1];
      note(docs, type, comment);
      if (line.endsWith('{')) holders.push(type);
    } else if (/^\s+\| \{$/.test(line)) {
      holders.push(type);
    } else if (field?.[1] !== undefined && holders.length > 0) {
      const path = `${holders.at(-1)}.${field[1]}`;
      note(docs, path, comment);
      if (line.endsWith('{')) holders.push(path);
    } else if (/^\s*\};?$/.test(line)) {
      holders.pop();
    }
    if (line.trim() !== '') comment = undefined;
  }
}

function note(docs: Map<string, IFieldDoc>, path: string, comment: string | undefined): void {
  if (comment === undefined) return;
  const lines = comment.replace(/^\s*\* ?/gm, ' ').replace(/\s+/g, ' ');
  const [text = '', standard] = lines.split('@default');
  const doc: IFieldDoc = { text: text.trim() };
  if (standard !== undefined) doc.default = standard.trim();
  docs.set(path, doc);
}
