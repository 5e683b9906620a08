import type { Route } from '../route.ts';
import type { IEngine, IEntrypointPlan, IWebSettings } from './engine.ts';
import { isRepeated } from './field-table.ts';
import { readAgain } from './kept-head.ts';
import type { IOutgoingRequest } from './request-builder.ts';

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
  private readonly tableVersion: number;
  private readonly settings: IWebSettings;
  private readonly plan: IEntrypointPlan;

  constructor(
    text: string,
    summary: IRequestSummary,
    route: Route,
    outgoing: IOutgoingRequest,
    engine: IEngine,
    plan: IEntrypointPlan,
  ) {
    this.text = text;
    this.summary = summary;
    this.route = route;
    this.outgoing = outgoing;
    this.tableVersion = engine.routes.version;
    this.settings = engine.settings;
    this.plan = plan;
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
      this.tableVersion === engine.routes.version &&
      this.settings === engine.settings &&
      this.plan === plan
    );
  }
}
