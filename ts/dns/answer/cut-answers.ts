/** Sizes of which each message is kept: clients have few, and memory is to have a bound. */
const sizesMax = 2;

/** A message cut to a size. */
interface ICut {
  readonly room: number;
  readonly bytes: Buffer;
}

/**
 * What was made of messages that were too long for who asked: they live as long as the message that
 * they were made of is kept.
 */
export class CutAnswers {
  private readonly cuts = new WeakMap<Buffer, ICut[]>();

  /**
   * The message cut to so many bytes.
   *
   * @param whole the very object that is kept.
   * @param make makes it, when none of that size is there.
   */
  get(whole: Buffer, room: number, make: () => Buffer): Buffer {
    const known = this.cuts.get(whole) ?? [];
    const found = known.find((cut) => cut.room === room);
    if (found !== undefined) return found.bytes;
    const bytes = make();
    this.cuts.set(whole, [{ room, bytes }, ...known.slice(0, sizesMax - 1)]);
    return bytes;
  }
}
