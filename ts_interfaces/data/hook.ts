/** A request as `hooks.onRequest` sees it. */
export interface IRequestHookContext {
  readonly id: string;
  readonly routeId: string;
  readonly method: string;
  readonly uri: string;
  readonly host: string;
  readonly protocol: 'http' | 'https';
  readonly clientIp: string;
  /** Value of a header, repeated ones joined by `, `; undefined when absent. */
  header(name: string): string | undefined;
  /** Sets a header on the request to the backend. */
  setHeader(name: string, value: string): void;
  /** Takes a header off the request to the backend. */
  removeHeader(name: string): void;
  /** Answers by itself; no backend is asked. */
  respond(status: number, headers?: Record<string, string>, body?: string): void;
}

/** A response's head as `hooks.onResponse` sees it. */
export interface IResponseHookContext {
  readonly id: string;
  readonly routeId: string;
  readonly status: number;
  header(name: string): string | undefined;
  setHeader(name: string, value: string): void;
  removeHeader(name: string): void;
}
