import type { Route } from '../route.ts';
import type { IEngine, IEntrypointPlan, IWebSettings } from './engine.ts';
import { isRepeated } from './field-table.ts';
import { readAgain } from './kept-head.ts';
import type { IOutgoingRequest } from './request-builder.ts';
import { pathOf } from './target.ts';

/** What of a parsed request its exchange keeps. */
export interface IRequestSummary {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly minor: number;
  readonly keepAlive: boolean;
  readonly upgrade: string;
  /** Read for the access log only. */
  readonly userAgent?: string | undefined;
  /** Read for the access log only. */
  readonly referer?: string | undefined;
}

/** What a route was found by. */
export interface IMatchedHead {
  /** The whole head, as it was sent. */
  readonly text: string;
  /** Host in lower case, without port and trailing dot. */
  readonly hostKey: string;
  /** In its normal form, as it was matched. */
  readonly target: string;
}

/**
 * The last plain request of a connection, with all that was made of it.
 *
 * Clients repeat themselves (polling, health checks, reloads): a head that is,
 * byte for byte, the one before needs no parsing, matching and rebuilding, as
 * long as the configuration is the same. Address rules and rate limits are asked each time. Requests
 * with a body, with credentials to check or from trusted proxies are never known.
 */
export class KnownRequest {
  readonly summary: IRequestSummary;
  readonly route: Route;
  private readonly outgoing: IOutgoingRequest;
  private askedName = '';
  private askedValue: string | undefined;
  private head = '';
  private host = '';
  private readonly text: string;
  private tableVersion: number;
  private readonly hostKey: string;
  private readonly path: string;
  private readonly settings: IWebSettings;
  private readonly plan: IEntrypointPlan;

  constructor(
    matched: IMatchedHead,
    summary: IRequestSummary,
    route: Route,
    outgoing: IOutgoingRequest,
    engine: IEngine,
    plan: IEntrypointPlan,
  ) {
    this.text = matched.text;
    this.summary = summary;
    this.route = route;
    this.outgoing = outgoing;
    this.tableVersion = engine.routes.version;
    this.settings = engine.settings;
    this.plan = plan;
    this.hostKey = matched.hostKey;
    this.path = pathOf(matched.target);
  }

  /** The request's id follows behind `headFor`. */
  get hasId(): boolean {
    return this.outgoing.hasId;
  }

  /** Bytes of the head. */
  get length(): number {
    return this.text.length;
  }

  /** The head to be sent up to the request's id, for a Host; one flat text, which is cheap to send. */
  headFor(host: string): string {
    if (host === this.host) return this.head;
    const { line, lines, end } = this.outgoing;
    this.host = host;
    this.head = Buffer.from(line + host + lines + end, 'latin1').toString('latin1');
    return this.head;
  }

  /** Value of one of its headers by the name in lower case. */
  header(name: string): string | undefined {
    if (name !== this.askedName) {
      this.askedName = name;
      this.askedValue = readAgain(this.text).headerOf(name);
    }
    return this.askedValue;
  }

  /** Whether the bytes from `start` are this request again, and nothing that it depends on has changed. */
  isAgain(
    bytes: Buffer,
    start: number,
    end: number,
    engine: IEngine,
    plan: IEntrypointPlan,
  ): boolean {
    return (
      isRepeated(this.text, bytes, start, end) &&
      this.settings === engine.settings &&
      this.plan === plan &&
      (this.tableVersion === engine.routes.version || this.isStillMatched(engine))
    );
  }

  /** Routes have changed since; most changes are of others than this one. */
  private isStillMatched({ routes }: IEngine): boolean {
    const { hostKey, path, route, summary } = this;
    const headerOf = (name: string) => this.header(name);
    if (routes.match(hostKey, summary.method, path, headerOf) !== route) return false;
    this.tableVersion = routes.version;
    return true;
  }
}
