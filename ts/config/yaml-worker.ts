/**
 * Parses one YAML text in a thread of its own; `yaml-reader.ts` starts it and waits for its one
 * message.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { YamlText } from './yaml-text.ts';

const { value, faults } = new YamlText(String(workerData));
try {
  parentPort?.postMessage({ value, faults });
} catch {
  // Only plain data came out of the parser, so it can only be their depth that cannot be copied.
  parentPort?.postMessage({ faults: [{ offset: 0, message: 'Must not be nested this deep' }] });
}
