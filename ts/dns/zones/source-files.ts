import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { readIncludedFile, readZoneFile } from '../zone/load-zone.ts';
import type { IIncludedFile } from '../zone/master-file.ts';

/** A file as it was when it was read. */
interface IFileState {
  readonly path: string;
  /** Of what the file system says of it. */
  readonly stamp: string;
  /** It was changed so shortly before that it may change again without another stamp. */
  readonly isFresh: boolean;
  /** Of its bytes. */
  readonly digest: string;
}

/** Longer than the clock of any file system needs for a step. */
const freshMs = 3_000;

/** Bytes that are hashed in one go: a few milliseconds. */
const stepBytes = 1 << 20;

/** The files that a zone is loaded from, noted while they are read. */
export class SourceFiles {
  private readonly states: IFileState[] = [];
  private readonly nowMs: () => number;

  /** @param nowMs milliseconds since the epoch, by the machine's clock, as the file system has it. */
  constructor(nowMs: () => number = Date.now) {
    this.nowMs = nowMs;
  }

  /** @throws the error of the system. */
  async read(path: string): Promise<Buffer> {
    const before = await stat(path, { bigint: true });
    const text = await readZoneFile(path);
    this.note(path, before, await digestGently(text));
    return text;
  }

  /** For `$INCLUDE`. @throws the error of the system. */
  readonly readInclude = (name: string, from: string | undefined): IIncludedFile => {
    const included = readIncludedFile(name, from);
    const before = statSync(included.fileName, { bigint: true });
    this.note(included.fileName, before, digestOf(included.text));
    return included;
  };

  /** Whether all of them still hold what they held. */
  async areUnchanged(): Promise<boolean> {
    for (const state of this.states) if (!(await isUnchanged(state))) return false;
    return true;
  }

  private note(path: string, stats: BigIntStats, digest: string): void {
    const isFresh = this.nowMs() - Number(stats.mtimeMs) < freshMs;
    this.states.push({ path, stamp: stampOf(stats), isFresh, digest });
  }
}

async function isUnchanged({ path, stamp, isFresh, digest }: IFileState): Promise<boolean> {
  try {
    const isSame = stampOf(await stat(path, { bigint: true })) === stamp;
    return (isSame && !isFresh) || (await digestGently(await readZoneFile(path))) === digest;
  } catch {
    // It cannot be read any more: the load says why.
    return false;
  }
}

function stampOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

function digestOf(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The same for a big file, with pauses. */
async function digestGently(text: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < text.length; at += stepBytes) {
    if (at > 0) await setImmediate();
    hash.update(text.subarray(at, at + stepBytes));
  }
  return hash.digest('base64url');
}
