import type { EventBus } from '../core/event-bus.ts';
import type { ILogger } from '../core/logger.ts';
import { DescriptorGuard } from '../net/descriptors.ts';

/** A guard of this process's descriptors that announces what it does. */
export function announcingGuard(bus: EventBus, logger: ILogger): DescriptorGuard {
  return new DescriptorGuard({
    logger,
    onChange: (isPaused) => {
      if (isPaused) bus.emit('listener.paused', { reason: 'file descriptors run short' });
      else bus.emit('listener.resumed', { reason: 'file descriptors are free again' });
    },
  });
}
