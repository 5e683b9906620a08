import type { ICertificateInfo, ICertificateOptions } from '../../ts_interfaces/index.ts';
import { normalizeDomain } from '../config/host-name.ts';
import { parseCertificate } from '../config/parse.ts';
import { DcError } from '../core/errors.ts';
import {
  cursorAfter,
  type IPage,
  type IPageQuery,
  nameOfCursor,
  pageLimitDefault,
} from './paging.ts';
import { pageOf } from './route-index.ts';
import { type ControlState, overlayChange } from './state.ts';

/**
 * Milliseconds that what is known of a certificate is good for; its warnings depend on the time.
 */
const infoMaxAgeMs = 3_600_000;

/**
 * The certificates: those of the file with what was changed over them. A change is checked, stored
 * (synced), and then live from the next handshake on. Keys go in and never come out.
 */
export class CertificateService {
  private readonly state: ControlState;
  private readonly infos = new WeakMap<
    ICertificateOptions,
    { info: Omit<ICertificateInfo, 'origin'>; at: number }
  >();

  constructor(state: ControlState) {
    this.state = state;
  }

  /** Number of certificates. */
  get size(): number {
    return this.state.certificates.size;
  }

  /**
   * A page of the certificates, ordered by domain.
   * @throws ApiError `REQUEST_INVALID` (400) for a foreign cursor.
   */
  list({ limit = pageLimitDefault, cursor }: IPageQuery = {}): IPage<ICertificateInfo> {
    const domains = [...this.state.certificates.entries()].map(([domain]) => domain).sort();
    const page = pageOf(domains, nameOfCursor(cursor), limit);
    return {
      items: page.ids.map((domain) => this.get(domain)),
      total: domains.length,
      nextCursor: cursorAfter(page.next),
    };
  }

  /** @throws DcError `CERTIFICATE_UNKNOWN` */
  get(domain: string): ICertificateInfo {
    const found = this.state.certificates.get(this.resolve(domain));
    if (found === undefined) throw unknown(domain);
    return { ...this.infoOf(found.value), origin: found.origin };
  }

  /**
   * Adds a certificate, or replaces the one of its domain.
   * @throws DcError `CERTIFICATE_INVALID`, `STORE_FAILED`
   */
  async set(
    input: ICertificateOptions | unknown,
  ): Promise<{ item: ICertificateInfo; created: boolean }> {
    const done = await this.state.serial.run(async () => {
      const { certificates, certificateTarget, disabled, store, logger } = this.state;
      const options = parseCertificate(input);
      certificateTarget.inspect(options);
      const { domain } = options;
      const created = certificates.get(domain) === undefined;
      await store.write([
        overlayChange('certificates', domain, certificates.planSet(domain, options)),
      ]);
      certificates.applySet(domain, options);
      disabled.certificates.delete(domain);
      certificateTarget.set(options);
      const event = created ? 'certificate.added' : 'certificate.changed';
      const what = created ? 'added' : 'changed';
      logger.info(event, `The certificate of "${domain}" was ${what}`, { domain });
      return { item: this.get(domain), created };
    });
    await this.state.live();
    return done;
  }

  /**
   * Removes a certificate. One of the file stays away until it is set again.
   * @throws DcError `CERTIFICATE_UNKNOWN`, `STORE_FAILED`
   */
  async remove(domain: string): Promise<void> {
    await this.state.serial.run(async () => {
      const { certificates, certificateTarget, disabled, store, logger } = this.state;
      const key = this.resolve(domain);
      const live = certificates.get(key) !== undefined;
      if (!live && !disabled.certificates.has(key)) throw unknown(domain);
      await store.write([overlayChange('certificates', key, certificates.planRemove(key))]);
      if (live) certificates.applyRemove(key);
      disabled.certificates.delete(key);
      certificateTarget.remove(key);
      logger.info('certificate.removed', `The certificate of "${key}" was removed`, {
        domain: key,
      });
    });
    await this.state.live();
  }

  private resolve(domain: string): string {
    const key = normalizeDomain(domain);
    return typeof key === 'string' ? key : domain;
  }

  private infoOf(options: ICertificateOptions): Omit<ICertificateInfo, 'origin'> {
    const now = this.state.clock.now();
    const known = this.infos.get(options);
    if (known !== undefined && now - known.at < infoMaxAgeMs) return known.info;
    const info = this.inspect(options);
    this.infos.set(options, { info, at: now });
    return info;
  }

  /** A certificate that was good when it was set may have expired since. */
  private inspect(options: ICertificateOptions): Omit<ICertificateInfo, 'origin'> {
    try {
      return this.state.certificateTarget.inspect(options);
    } catch (error) {
      if (!(error instanceof DcError)) throw error;
      const known = this.infos.get(options)?.info ?? nothingKnown(options.domain);
      return { ...known, warnings: [error.message] };
    }
  }
}

function nothingKnown(domain: string): Omit<ICertificateInfo, 'origin'> {
  const never = new Date(0).toISOString();
  return {
    domain,
    names: [],
    issuer: '',
    serialNumber: '',
    fingerprint: '',
    notBefore: never,
    notAfter: never,
    warnings: [],
  };
}

function unknown(domain: string): DcError {
  return new DcError('CERTIFICATE_UNKNOWN', `There is no certificate for the domain "${domain}"`);
}
