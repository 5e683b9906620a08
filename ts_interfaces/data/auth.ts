/** One user of basic authentication. */
export interface IBasicUser {
  /** Without a colon. */
  name: string;
  /** `scrypt$N$r$p$salt$hash` as `dcrouter config hash` prints it. */
  passwordHash: string;
}

/** Credentials that the router checks by itself before it forwards. */
export type IAuth =
  | {
      /** `basic` is name and password (RFC 7617), `bearer` a token (RFC 6750). */
      type: 'basic';
      /** Who may pass. */
      users: IBasicUser[];
      /** Realm in the challenge. @default 'restricted' */
      realm?: string;
    }
  | {
      /** `basic` is name and password (RFC 7617), `bearer` a token (RFC 6750). */
      type: 'bearer';
      /** `sha256$HEX` as `dcrouter config hash --token` prints them. */
      tokenHashes: string[];
      /** Realm in the challenge. @default 'restricted' */
      realm?: string;
    };

/** Asks an HTTP service whether a request may pass: 2xx lets it, any other answer is sent to the client. */
export interface IForwardAuthOptions {
  /** The only kind of provider that a file can name. */
  type: 'forward';
  /**
   * `http://` or `https://`; gets a GET with the request's headers and `X-Forwarded-Method`, `-Uri`,
   * `-Host`, `-Proto`, `-For`.
   */
  url: string;
  /** Headers of the provider's answer that are set on the request to the backend. */
  responseHeaders?: string[];
  /** Milliseconds until the provider counts as down; the request then gets 503. @default 5000 */
  timeoutMs?: number;
  /** Milliseconds that a yes is remembered for the same credentials, method, host and path. @default 0: not at all */
  cacheMs?: number;
}

/** What an auth provider sees of a request. Header names are in lower case; repeated ones are joined by `, `. */
export interface IAuthRequest {
  id: string;
  method: string;
  /** As sent: path and query. */
  uri: string;
  host: string;
  protocol: 'http' | 'https';
  clientIp: string;
  routeId: string;
  headers: Readonly<Record<string, string>>;
}

/** A provider's verdict. A thrown error, a rejected promise or silence for 30 s is a provider that is down: 503. */
export interface IAuthVerdict {
  allow: boolean;
  /** Status of the refusal. @default 401 */
  status?: number;
  /** When allowed: set on the request to the backend. When refused: sent to the client. */
  headers?: Record<string, string>;
  /** When allowed: taken off the request to the backend, so that a client cannot forge what the provider would set. */
  removeHeaders?: string[];
  /** When refused: `Set-Cookie` headers sent to the client, each of its own. */
  setCookies?: string[];
  /** Body of the refusal. */
  body?: string;
}

/** Auth provider given as a function (library only). */
export type TAuthProvider = (
  request: IAuthRequest,
) => Promise<IAuthVerdict | boolean> | IAuthVerdict | boolean;
