/** A certificate with its key. Certificates are compared by identity: a new one is a new object. */
export interface ICertificateMaterial {
  /** PEM private key. */
  readonly key: string;
  /** PEM certificate, followed by its chain. */
  readonly cert: string;
}

/**
 * Where the proxy gets certificates from: given ones, and later those that ACME obtains.
 *
 * It is asked at every handshake, so that a certificate takes effect at once.
 */
export interface ICertificateSource {
  /**
   * The certificate of exactly this domain; undefined when there is none.
   *
   * It is asked for the name that the client wants, then for the wildcards above it from the longest on, then for
   * `*`: what any source has for one of them wins over what all have for the next. A promise holds the handshake
   * up: for a certificate that is being obtained right now.
   *
   * @param domain in lower case: `a.example.com`, `*.example.com` or `*`.
   */
  find(
    domain: string,
  ): ICertificateMaterial | undefined | Promise<ICertificateMaterial | undefined>;
}
