import type { IPortProxySettings, ITcpLive, ITcpStats } from '../../../ts_interfaces/index.ts';
import type { IClock, ITimer } from '../../core/clock.ts';
import { DcError } from '../../core/errors.ts';
import type { ILogger } from '../../core/logger.ts';
import type { IKernelCounters, IKernelForwarder } from '../kernel/index.ts';
import { portsOf } from './compile.ts';

/** Milliseconds between two looks at what the kernel has counted. */
const countsMs = 5000;

/** An entry that is to be forwarded by the kernel. */
interface IKernelEntry {
  readonly settings: IPortProxySettings;
  /** Why it is not; undefined: it is, or will be in a moment. */
  reason: string | undefined;
  isForwarded: boolean;
}

/**
 * The entries with `forwarding: kernel`. Their ports are open in this process as well, unless they
 * must not be: what the kernel does not take comes there.
 */
export class KernelEntries {
  /** null: another process forwards by the kernel, or none. */
  private readonly forwarder: IKernelForwarder | null;
  private readonly logger: ILogger;
  private readonly clock: IClock;
  private readonly entries = new Map<string, IKernelEntry>();
  /** Why checked entries cannot be forwarded by the kernel. */
  private readonly reasons = new WeakMap<IPortProxySettings, string | undefined>();
  private counts: ReadonlyMap<string, IKernelCounters> = new Map();
  private isChanged = false;
  private turn: Promise<void> = Promise.resolve();
  private timer: ITimer | null = null;

  constructor(forwarder: IKernelForwarder | null, parts: { logger: ILogger; clock: IClock }) {
    this.forwarder = forwarder;
    this.logger = parts.logger;
    this.clock = parts.clock;
  }

  /** Takes away, in the background, what a process that was killed has left in the kernel. */
  start(): void {
    const { forwarder } = this;
    if (forwarder === null) return;
    this.turn = this.turn.then(async () => {
      try {
        await forwarder.clear();
      } catch (error) {
        const message = 'Cannot take away what was left in the kernel';
        this.logger.warn('kernel.failed', message, { error });
      }
    });
  }

  /**
   * Finds out whether the kernel can forward an entry.
   *
   * @throws DcError `TCP_INVALID` when it cannot and nothing else may.
   */
  async check(settings: IPortProxySettings): Promise<void> {
    const { forwarder } = this;
    if (forwarder === null || !isKernel(settings)) return;
    const { usable, reason } = await forwarder.check(settings);
    this.reasons.set(settings, usable ? undefined : (reason ?? 'the kernel cannot'));
    if (usable || settings.kernelFallback !== false) return;
    const message = `Cannot forward TCP entry "${settings.id}" by the kernel: ${reason}`;
    const problems = [{ path: 'forwarding', message: `${reason}`, value: 'kernel' }];
    throw new DcError('TCP_INVALID', message, { problems });
  }

  /** Whether the entry's ports must not be open in a process. */
  isOnly(settings: IPortProxySettings): boolean {
    return isKernel(settings) && settings.kernelFallback === false;
  }

  /** The entry is in force. */
  set(settings: IPortProxySettings): void {
    const known = this.entries.get(settings.id);
    if (this.forwarder === null || !isKernel(settings)) {
      if (known !== undefined) this.remove(settings.id);
      return;
    }
    const reason = this.reasons.get(settings);
    this.entries.set(settings.id, { settings, reason, isForwarded: known?.isForwarded ?? false });
    this.isChanged = true;
    if (reason === undefined) return;
    const message = `TCP entry "${settings.id}" is forwarded by this process: ${reason}`;
    this.logger.warn('kernel.unavailable', message, { entryId: settings.id, reason });
  }

  /** The entry is gone. */
  remove(id: string): void {
    if (this.entries.delete(id)) this.isChanged = true;
  }

  /** Brings the kernel up to date, in the background. */
  apply(): void {
    const { forwarder } = this;
    if (forwarder === null || !this.isChanged) return;
    this.isChanged = false;
    this.turn = this.turn.then(() => this.install(forwarder));
  }

  /** How an entry is doing, with what the kernel does for it. */
  informed(id: string, live: ITcpLive): ITcpLive {
    const entry = this.entries.get(id);
    if (entry === undefined) return live;
    if (!entry.isForwarded) return { ...live, reason: entry.reason };
    const counted = this.counts.get(id);
    const { settings } = entry;
    const { stats } = live;
    // An entry that must not be open here is open there.
    const address = settings.address ?? '::';
    const listening = this.isOnly(settings)
      ? portsOf(settings).map((port) => ({ address, port }))
      : live.listening;
    return {
      ...live,
      listening,
      forwardedBy: 'kernel',
      stats: {
        ...stats,
        total: stats.total + (counted?.connections ?? 0),
        refused: stats.refused + (counted?.refused ?? 0),
        bytesIn: stats.bytesIn + (counted?.bytesIn ?? 0),
        bytesOut: stats.bytesOut + (counted?.bytesOut ?? 0),
      },
    };
  }

  /** What the kernel has counted, over all entries that it forwards. */
  stats(): Partial<ITcpStats> {
    const sum = { total: 0, refused: 0, bytesIn: 0, bytesOut: 0 };
    for (const [id, counted] of this.counts) {
      if (this.entries.get(id)?.isForwarded !== true) continue;
      sum.total += counted.connections;
      sum.refused += counted.refused;
      sum.bytesIn += counted.bytesIn;
      sum.bytesOut += counted.bytesOut;
    }
    return sum;
  }

  /** Forwards nothing any more; resolves when the kernel does not either. */
  async stop(): Promise<void> {
    this.timer?.cancel();
    this.timer = null;
    this.entries.clear();
    this.apply();
    await this.turn;
  }

  private async install(forwarder: IKernelForwarder): Promise<void> {
    const wanted = [...this.entries.values()].filter(({ reason }) => reason === undefined);
    try {
      await forwarder.apply(wanted.map(({ settings }) => settings));
      for (const entry of this.entries.values()) entry.isForwarded = wanted.includes(entry);
    } catch (error) {
      const reason = (error as Error).message;
      for (const entry of wanted) if (!entry.isForwarded) entry.reason = reason;
      this.logger.error('kernel.failed', 'Cannot change what the kernel forwards', { error });
    }
    if (wanted.length > 0 && this.timer === null) this.countSoon(forwarder);
  }

  private countSoon(forwarder: IKernelForwarder): void {
    this.timer = this.clock.setTimeout(() => void this.count(forwarder), countsMs);
  }

  private async count(forwarder: IKernelForwarder): Promise<void> {
    try {
      await forwarder.refresh();
      this.counts = await forwarder.counters();
    } catch (error) {
      this.logger.warn('kernel.failed', 'Cannot read what the kernel has counted', { error });
    }
    if (this.timer !== null && this.entries.size > 0) this.countSoon(forwarder);
    else this.timer = null;
  }
}

function isKernel({ forwarding, enabled }: IPortProxySettings): boolean {
  return forwarding === 'kernel' && enabled !== false;
}
