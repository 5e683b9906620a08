/** The head of a request, as far as it decides who answers. */
export interface IWebServiceTarget {
  /** In lower case, without port and trailing dot; brackets of IPv6 addresses are kept. */
  readonly host: string;
  /** In normal form, without the query. */
  readonly path: string;
  /** Name of the entrypoint that it came to. */
  readonly entrypoint: string;
  /** It came by TLS. */
  readonly isTls: boolean;
}

/** A whole request. */
export interface IWebServiceRequest {
  /** As sent: methods are case-sensitive. `HEAD` comes as it is; what the answer's body is, is not sent then. */
  readonly method: string;
  /** As `IWebServiceTarget.host`. */
  readonly host: string;
  readonly path: string;
  /** What follows the `?`, without it; empty: nothing did. */
  readonly query: string;
  /** Values by the field's name in lower case; those of one that is repeated are joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  /** Without transfer coding. */
  readonly body: Buffer;
  /** In normal form, and as trusted proxies tell it. */
  readonly clientIp: string;
  readonly entrypoint: string;
  readonly isTls: boolean;
}

/** What a service answers. */
export interface IWebServiceAnswer {
  /** 200 to 599. */
  readonly status: number;
  /** Without `Content-Length`, `Date`, `Connection` and `Transfer-Encoding`, which the web plane sets. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for none. */
  readonly body: Buffer;
}

/** Which requests are a service's: data, so that worker processes decide by themselves. */
export interface IWebServiceScope {
  /** Exactly as `IWebServiceTarget.path`. */
  readonly paths: readonly string[];
  /** Names as of virtual hosts: `dns.example.com`, `*.example.com` (any depth below); null: every host. */
  readonly hosts: readonly string[] | null;
  /** Names of entrypoints; null: all that have TLS. */
  readonly entrypoints: readonly string[] | null;
}

/**
 * A part of the router that answers requests of the web plane's entrypoints itself, in place of a
 * route: DNS over HTTPS is one. `ProxyManager.services` has those that are in force. Of what
 * requests have to pass, only the entrypoint's rules and limits hold: no route's, and no hooks.
 */
export interface IWebService {
  /** Unique among services; the same in all processes. */
  readonly name: string;
  /** Does not change: another scope is another service. */
  readonly scope: IWebServiceScope;
  /** Bytes of a request's body; one with more is answered with 413 and never seen by `handle`. */
  readonly bodyBytesMax: number;
  /** Answers a request. A rejection is answered with 500, and logged. */
  handle(request: IWebServiceRequest): Promise<IWebServiceAnswer>;
}

/** Whether a request is one of the scope. */
export function takesRequest(
  { paths, hosts, entrypoints }: IWebServiceScope,
  { host, path, entrypoint, isTls }: IWebServiceTarget,
): boolean {
  if (!paths.includes(path)) return false;
  if (entrypoints === null ? !isTls : !entrypoints.includes(entrypoint)) return false;
  return hosts === null || hosts.some((name) => isHost(name, host));
}

function isHost(name: string, host: string): boolean {
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) : name === '*' || name === host;
}
