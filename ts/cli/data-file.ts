import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type ITerminal, UsageError } from './command.ts';

/**
 * Reads a file (`-`: standard input) that holds JSON or YAML.
 * @throws UsageError naming the line when it is neither; errors of the file system.
 */
export async function readDataFile(file: string, { stdin }: ITerminal): Promise<unknown> {
  const text = file === '-' ? await readAll(stdin) : await readTextFile(file);
  if (extname(file) === '.json') return parseJson(file, text);
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { strict: true, uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) throw new UsageError(`Cannot read "${file}": ${error.message.trim()}`);
  return document.toJS({ maxAliasCount: 100 });
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `Cannot read "${file}": ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** A file as text. @throws errors of the file system, which name it. */
export async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    // That of a folder does not say which one it was.
    throw error instanceof Error ? Object.assign(error, { path: file }) : error;
  }
}

/** All of a stream as text. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  return (await readAllBytes(stream)).toString('utf8');
}

/** All of a stream. */
export async function readAllBytes(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
