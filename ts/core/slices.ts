import { setImmediate as setImmediateCallback } from 'node:timers';
import { setImmediate } from 'node:timers/promises';

/** Longest time in which long work lets nobody else run, as far as we can help it. */
const sliceMs = 8;

/** When the turn of the event loop began in which slices run now. */
let turnStartMs = performance.now();
let isTurnKnown = false;

/**
 * Cuts long work into slices between which others run. All work that is cut so shares the time of a
 * turn: a hundred jobs at once hold nobody up for longer than one does.
 *
 * @example
 * const slices = new Slices();
 * for (const item of items) {
 *   work(item);
 *   if (slices.isOver) await slices.rest();
 * }
 */
export class Slices {
  /** Whether it is time for `rest`. */
  get isOver(): boolean {
    return performance.now() - turnStartMs >= sliceMs;
  }

  /** Lets others run; then the next slice begins. */
  async rest(): Promise<void> {
    await setImmediate();
    beginTurn();
  }
}

/** Whoever is first in a turn of the event loop begins it. */
function beginTurn(): void {
  if (isTurnKnown) return;
  isTurnKnown = true;
  turnStartMs = performance.now();
  // In front of all that rests from now on.
  setImmediateCallback(() => {
    isTurnKnown = false;
  });
}
