import type { ICertificateInfo, ICertificateOptions } from '../../ts_interfaces/index.ts';
import { type IClock, systemClock } from '../core/clock.ts';
import type { EventBus } from '../core/event-bus.ts';
import { type ILogger, silentLogger } from '../core/logger.ts';
import { inspectCertificate } from '../net/certificate.ts';

/** A certificate that is served; a replaced one is another object. */
export interface IServedCertificate {
  readonly key: string;
  readonly cert: string;
}

/** The certificates that TLS handshakes are answered with. */
export class CertificateStore {
  private readonly byDomain = new Map<string, IServedCertificate>();
  private readonly bus: EventBus;
  private readonly clock: IClock;
  private readonly logger: ILogger;
  /** What was found at the last look. */
  private readonly warnings = new WeakMap<ICertificateOptions, readonly string[]>();

  constructor(bus: EventBus, clock: IClock = systemClock, logger: ILogger = silentLogger) {
    this.bus = bus;
    this.clock = clock;
    this.logger = logger;
  }

  /** Number of domains. */
  get size(): number {
    return this.byDomain.size;
  }

  /** Domains that have a certificate. */
  domains(): IterableIterator<string> {
    return this.byDomain.keys();
  }

  /**
   * Says what a certificate is; changes nothing.
   *
   * @throws DcError `CERTIFICATE_INVALID` when it cannot be served for its domain.
   */
  inspect(options: ICertificateOptions): Omit<ICertificateInfo, 'origin'> {
    const facts = inspectCertificate(options, this.clock.now());
    this.warnings.set(options, facts.warnings);
    return facts;
  }

  /**
   * Serves a certificate from the next handshake on; connections that are open keep theirs. What
   * `inspect` warned of is logged.
   */
  set(options: ICertificateOptions): void {
    const { domain, key, cert } = options;
    const warnings = this.warnings.get(options) ?? [];
    if (warnings.length > 0) {
      const message = `The certificate for "${domain}": ${warnings.join('; ')}`;
      this.logger.warn('certificate.warning', message, { domain, warnings });
    }
    this.byDomain.set(domain, Object.freeze({ key, cert }));
    this.bus.emit('certificate.added', { domain });
  }

  /** Serves it no more. */
  remove(domain: string): void {
    if (this.byDomain.delete(domain)) this.bus.emit('certificate.removed', { domain });
  }

  /** The certificate of exactly this domain; whoever serves a name asks for its wildcards too. */
  find(domain: string): IServedCertificate | undefined {
    return this.byDomain.get(domain);
  }
}
