import type { EventBus } from '../../core/event-bus.ts';
import type { ICertificateMaterial, ICertificateSource } from '../certificate-source.ts';

/** The certificates of a worker process: those that main has told it. */
export class GivenCertificates implements ICertificateSource {
  private readonly byDomain = new Map<string, ICertificateMaterial>();
  private readonly bus: EventBus;

  /** @param bus hears of what comes and goes. */
  constructor(bus: EventBus) {
    this.bus = bus;
  }

  find(domain: string): ICertificateMaterial | undefined {
    return this.byDomain.get(domain);
  }

  /** Shows it from the next handshake on. */
  set({ domain, key, cert }: { domain: string; key: string; cert: string }): void {
    this.byDomain.set(domain, Object.freeze({ key, cert }));
    this.bus.emit('certificate.added', { domain });
  }

  /** Shows it no more. */
  remove(domain: string): void {
    if (this.byDomain.delete(domain)) this.bus.emit('certificate.removed', { domain });
  }
}
