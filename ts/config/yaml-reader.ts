import { Worker } from 'node:worker_threads';
import type { ITextFault } from './json-text.ts';
import type { YamlText } from './yaml-text.ts';

/** Characters from which on a text is parsed in a thread of its own. */
export const WORKER_LENGTH_MIN = 262_144;

/** What a YAML text says, or what is wrong with it. */
export interface IYamlData {
  value: unknown;
  faults: readonly ITextFault[];
  /** The map of the text, to ask where something stands. */
  places(): Pick<YamlText, 'locate'>;
}

/**
 * Parses YAML. A big file takes seconds, in which a daemon that reloads has requests to serve: it
 * is parsed in a worker thread, which ends with its answer.
 */
export async function readYaml(text: string): Promise<IYamlData> {
  // The library takes a tenth of a start, which JSON and a start without a file need not pay.
  const { YamlText } = await import('./yaml-text.ts');
  if (text.length >= WORKER_LENGTH_MIN) {
    return { ...(await readInThread(text)), places: () => new YamlText(text) };
  }
  const yaml = new YamlText(text);
  return { value: yaml.value, faults: yaml.faults, places: () => yaml };
}

async function readInThread(text: string): Promise<Omit<IYamlData, 'places'>> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./yaml-worker.${extension}`, import.meta.url), {
    workerData: text,
  });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The YAML thread ended without an answer')));
  });
}
