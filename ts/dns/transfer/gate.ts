/** Lets so many pieces of work run at once; others wait in the order in which they came. */
export class Gate {
  private readonly max: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(max: number) {
    this.max = max;
  }

  /** Runs the work when its turn comes. @throws what the work throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.max) await new Promise<void>((enter) => this.waiting.push(enter));
    else this.running++;
    try {
      return await work();
    } finally {
      // The place goes on to the next one, who does not count anew.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}
