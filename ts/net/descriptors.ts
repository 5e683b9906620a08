import { readFileSync } from 'node:fs';
import { type IClock, systemClock } from '../core/clock.ts';
import type { ILogger } from '../core/logger.ts';

/** Descriptors that no connection may take: for files, and to accept and refuse a client. */
const heldBack = 8;

const limit = readLimit();

/** A new client is refused when fewer descriptors than this share of all are left. */
const reservedShare = 1 / 16;
const reservedMin = 16;
const reservedMax = 1024;

/** Milliseconds between two lines of the log about the same thing. */
const quietMs = 1000;

/** What a guard works with. */
export interface IDescriptorGuardParts {
  logger: ILogger;
  clock?: IClock;
  /** Descriptors that this process may have. @default the soft limit of the process */
  limit?: number;
  /** Clients are refused from now on, or no longer. */
  onChange?: (isPaused: boolean) => void;
}

/**
 * Refuses new clients while descriptors are short, so that open connections, backends and files
 * have what they need. It recovers with the first client that comes when enough are free again.
 */
export class DescriptorGuard {
  /** Clients that were refused. */
  refused = 0;
  private readonly parts: IDescriptorGuardParts;
  private readonly clock: IClock;
  private readonly lastFd: number;
  private paused = false;
  private saidAt = Number.NEGATIVE_INFINITY;

  constructor(parts: IDescriptorGuardParts) {
    const all = parts.limit ?? limit;
    const reserved = Math.min(reservedMax, Math.max(reservedMin, Math.floor(all * reservedShare)));
    this.parts = parts;
    this.clock = parts.clock ?? systemClock;
    this.lastFd = all - reserved;
  }

  /** Whether a client that was accepted with this descriptor may stay. */
  admits(fd: number): boolean {
    if (fd < this.lastFd) {
      if (this.paused) this.change(false);
      return true;
    }
    this.refused++;
    if (!this.paused) this.change(true);
    return false;
  }

  private change(paused: boolean): void {
    const { logger, onChange } = this.parts;
    this.paused = paused;
    onChange?.(paused);
    const now = this.clock.monotonic();
    // At the limit it may change with every client.
    if (now - this.saidAt < quietMs) return;
    this.saidAt = now;
    const { refused } = this;
    if (paused) {
      const message = 'File descriptors run short: new connections are closed at once';
      logger.warn('listener.paused', message, { refused, limit: this.parts.limit ?? limit });
    } else {
      logger.info('listener.resumed', 'New connections are accepted again', { refused });
    }
  }
}

/**
 * Whether a new descriptor is one of the last few. The kernel always gives the lowest free number,
 * so that the number alone says how many are in use, by whomever.
 */
export function isLastDescriptor(fd: number): boolean {
  return fd >= limit - heldBack;
}

function readLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch (error) {
    // Without /proc nobody tells us; libuv then still closes what it cannot accept.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}
