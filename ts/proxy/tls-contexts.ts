import { createSecureContext, type SecureContext } from 'node:tls';
import { DcError } from '../core/errors.ts';
import type { ICertificateMaterial, ICertificateSource } from './certificate-source.ts';

/** Contexts that are kept: one takes about 40 KiB, and a quarter of a millisecond to make. */
const contextsMax = 1000;

/** A certificate with what OpenSSL made of it. */
export interface ITlsContext {
  readonly material: ICertificateMaterial;
  readonly context: SecureContext;
}

/** The TLS contexts of the certificates: made when a handshake needs them, and kept while they are in use. */
export class TlsContexts {
  private readonly sources: readonly ICertificateSource[];
  /** By the domain that was found, the one used last at the end. */
  private readonly contexts = new Map<string, ITlsContext>();
  private readonly followers = new Set<() => void>();

  /** @param sources the first one that has a certificate of a domain wins. */
  constructor(sources: readonly ICertificateSource[]) {
    this.sources = sources;
  }

  /** Calls the listener when certificates may be others than before; returns a function that leaves. */
  follow(listener: () => void): () => void {
    this.followers.add(listener);
    return () => this.followers.delete(listener);
  }

  /** Tells those who follow that certificates came or went. */
  changed(): void {
    for (const follower of this.followers) follower();
  }

  /**
   * The context for the host name that a client asks for; undefined: there is no certificate for it.
   *
   * @throws DcError `CERTIFICATE_INVALID` when OpenSSL refuses it; what the source throws.
   */
  async find(serverName: string): Promise<ITlsContext | undefined> {
    const name = serverName.toLowerCase().replace(/\.$/, '');
    for (const domain of domainsFor(name)) {
      for (const source of this.sources) {
        const found = source.find(domain);
        const material = found instanceof Promise ? await found : found;
        if (material !== undefined) return this.contextOf(domain, material);
      }
    }
    return undefined;
  }

  private contextOf(domain: string, material: ICertificateMaterial): ITlsContext {
    const known = this.contexts.get(domain);
    const wanted = known?.material === material ? known : makeContext(material);
    this.contexts.delete(domain);
    this.contexts.set(domain, wanted);
    if (this.contexts.size > contextsMax) {
      const [oldest = domain] = this.contexts.keys();
      this.contexts.delete(oldest);
    }
    return wanted;
  }
}

/** The domains whose certificates may be shown for a name, the best first. */
function* domainsFor(name: string): Generator<string> {
  yield name;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
    yield `*${name.slice(dot)}`;
  }
  if (name !== '*') yield '*';
}

function makeContext(material: ICertificateMaterial): ITlsContext {
  try {
    const context = createSecureContext({ key: material.key, cert: material.cert });
    return { material, context };
  } catch (cause) {
    throw new DcError('CERTIFICATE_INVALID', 'Cannot use the certificate with its key', { cause });
  }
}
