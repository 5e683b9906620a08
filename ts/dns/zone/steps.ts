import { setImmediate } from 'node:timers/promises';

/** Longest time in which long work lets nobody else run, as far as we can help it. */
const sliceMs = 8;

/** Does work that could pause in one go. */
export function runSteps<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does the work and lets others run in its pauses, every few milliseconds. */
export async function runStepsGently<T>(steps: Generator<void, T>): Promise<T> {
  let pausedAt = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - pausedAt < sliceMs) continue;
    await setImmediate();
    pausedAt = performance.now();
  }
}
