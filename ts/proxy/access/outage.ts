import type { IAuthVerdict } from '../../../ts_interfaces/index.ts';
import type { ILogger } from '../../core/logger.ts';
import { UNAVAILABLE } from './access.ts';

/** Tells the log once when a provider stops to work, and once when it works again. */
export class Outage {
  private readonly provider: string;
  private readonly logger: ILogger;
  private isDown = false;

  constructor(provider: string, logger: ILogger) {
    this.provider = provider;
    this.logger = logger;
  }

  /** The verdict for a request that the provider did not decide about. */
  failed(error: unknown): IAuthVerdict {
    if (!this.isDown) {
      const { provider } = this;
      this.isDown = true;
      this.logger.warn('auth.providerDown', `Auth provider "${provider}" does not work`, {
        provider,
        error,
      });
    }
    return UNAVAILABLE;
  }

  worked(): void {
    if (!this.isDown) return;
    const { provider } = this;
    this.isDown = false;
    this.logger.info('auth.providerUp', `Auth provider "${provider}" works again`, { provider });
  }
}
