import type {
  IAuthRequest,
  IAuthVerdict,
  IConnectionInfo,
  IEventMap,
  IPortProxySettings,
  IRateLimit,
  ITcpStats,
  IWebOptions,
  RouteConfig,
  TEventName,
  TLogLevel,
} from '../../../ts_interfaces/index.ts';
import type { IProblem, TErrorCode } from '../../core/errors.ts';
import type { TLogEvent } from '../../core/log-event.ts';
import type { ITrafficDelta } from '../../metrics/tracker.ts';
import type { IRateSettings, IRateVerdict } from '../../net/rate-limiter.ts';
import type { IWebService, IWebServiceAnswer, IWebServiceRequest } from '../../net/web-service.ts';
import type { INameLookup } from '../name-source.ts';
import type { TRouteConditions } from '../stand-ins.ts';

/**
 * What the main process and its workers say to each other. Messages are structured clones, so all
 * of it is data; only `port` brings a handle along. Main is the truth: a worker knows nothing that
 * main did not tell it, and main believes it only about what it has served.
 */

/** An error on its way to another process. */
export interface IRemoteError {
  /** null: it was not one of ours. */
  code: TErrorCode | null;
  message: string;
  problems: readonly IProblem[];
}

/** A route as a worker is told it. */
export interface IRouteEntry {
  /** As `parseRoute` makes it. */
  config: RouteConfig;
  /** Places of it were handed out already: a queue that begins now has none. */
  isClaimed: boolean;
}

/** How a backend is doing, as main has decided. */
export interface IEndpointState {
  /** Id of the route, or of the health group of a TCP entry. */
  group: string;
  backend: string;
  isDead: boolean;
  maintenance: boolean;
  deadSince: number | undefined;
  failureCount: number;
}

/** What is bound and compiled before it is in force; the rest of a plan cannot fail. */
export interface IPreparedPlan {
  /** null: it stays as it is. */
  web: {
    /** Without routes, and with the ports that are really bound. */
    options: IWebOptions;
    /** Names of the auth providers that are functions of the main process. */
    authProviders: readonly string[];
  } | null;
  /** With the ports that are really bound; without what the kernel alone forwards. */
  tcp: { set: readonly IPortProxySettings[]; removed: readonly string[] };
}

/** A part of a plan. Parts add up until `commit` puts all of them in force together. */
export interface IPlanPart {
  routes?: { set: readonly IRouteEntry[]; removed: readonly string[] };
  health?: readonly IEndpointState[];
  /** All of them, in place of those before. */
  blocked?: readonly TRouteConditions[];
  certificates?: {
    set: readonly { domain: string; key: string; cert: string }[];
    removed: readonly string[];
  };
  lists?: {
    set: readonly { name: string; cidrs: readonly string[] }[];
    removed: readonly string[];
  };
  limits?: { set: readonly { name: string; limit: IRateLimit }[]; removed: readonly string[] };
  /** Levels that are written. */
  logLevels?: readonly TLogLevel[];
  /** Events that somebody listens to. */
  events?: readonly TEventName[];
  drainTimeoutMs?: number;
  /** All of them, in place of those before. */
  services?: readonly IRemoteService[];
}

/** A service that main has, as workers know it. */
export type IRemoteService = Omit<IWebService, 'handle'>;

/** Questions about limits, of one turn of a worker. They are answered in the order of the fields. */
export interface ILimitQuestions {
  /** Numbers the turns. */
  turn: number;
  /** Limits that are used from now on; without settings: a counter of connections. */
  open: { number: number; id: string; settings: IRateSettings | null }[];
  /** Limits that are used no more. */
  drop: number[];
  takes: { number: number; key: string }[];
  returns: { number: number; key: string }[];
  enters: { number: number; key: string; max: number }[];
  leaves: { number: number; key: string }[];
}

/** Answers to the `takes` and `enters` of a turn, in their order. */
export interface ILimitAnswers {
  turn: number;
  rates: IRateVerdict[];
  counts: boolean[];
}

/** What a worker has done on a route since it last told. */
export interface IRouteWork {
  routeId: string;
  /** Several when the route was removed and added again meanwhile. */
  traffic: readonly ITrafficDelta[];
  /** As of now. */
  active: number;
  /** As of now. */
  queued: number;
  endpoints: {
    id: string;
    /** As of now. */
    active: number;
    /** Since it last told. */
    requests: number;
    latencyMs: number;
    idleConnections: number;
  }[];
}

/** What a worker has done for a TCP or UDP entry, since it was added there. */
export interface ITcpWork {
  entryId: string;
  stats: ITcpStats;
  endpoints: { domainConfig: string | null; id: string; active: number; connections: number }[];
}

/** What a worker has done since it last told. */
export interface IWorkReport {
  total: ITrafficDelta | null;
  /** As of now, over all routes. */
  active: number;
  /** As of now, over all routes. */
  queued: number;
  routes: IRouteWork[];
  /** Entries whose numbers are others than when it last told. */
  tcp: ITcpWork[];
  /** Of all entries, also of those that are gone, since the worker's start. */
  tcpTotal: ITcpStats;
  /** Since the worker's start, and what is open now. */
  connections: { open: number; total: number; refused: number; tunnels: number };
  /** Since the worker's start. */
  accessLog: { written: number; dropped: number };
  rssBytes: number;
}

/** An event, as it goes over the bus. */
export interface IForwardedEvent<N extends TEventName = TEventName> {
  name: N;
  payload: IEventMap[N];
}

/** A log line. */
export interface ILogLine {
  level: TLogLevel;
  event: TLogEvent;
  message: string;
  /** Redacted. */
  data: Record<string, unknown> | undefined;
}

/** What concerns the places of a route; see `PlaceBroker`. */
export type TPlaceMessage =
  | { type: 'ask'; routeId: string; ticket: number; held: number }
  | { type: 'gone'; routeId: string; ticket: number }
  | { type: 'give'; routeId: string; places: number; held: number; answers: boolean }
  | { type: 'retired'; routeId: string }
  | { type: 'grant'; routeId: string; ticket: number; places: number }
  | { type: 'refuse'; routeId: string; ticket: number }
  | { type: 'press'; routeId: string }
  | { type: 'calm'; routeId: string };

/** A request of a backend failed or worked. */
export interface IHealthReport {
  group: string;
  backend: string;
  /** null: it worked. */
  failure: string | null;
}

/** Questions of main that a worker answers. */
export interface IAskedOfWorker {
  report: { question: null; answer: IWorkReport };
  connections: { question: null; answer: IConnectionInfo[] };
  close: { question: string; answer: boolean };
  reopen: { question: null; answer: null };
  prepare: { question: IPreparedPlan; answer: null };
  stop: { question: number; answer: boolean };
}

/** Questions of a worker that main answers. */
export interface IAskedOfMain {
  auth: { question: { provider: string; request: IAuthRequest }; answer: IAuthVerdict };
  service: { question: { name: string; request: IWebServiceRequest }; answer: IWebServiceAnswer };
  /** Where a name of backends leads. */
  name: { question: string; answer: INameLookup };
}

/** A question, and who waits for its answer. */
export interface IQuestion<TAsked> {
  type: 'question';
  id: number;
  name: keyof TAsked;
  question: unknown;
}

/** The answer, or what went wrong instead. */
export interface IAnswer {
  type: 'answer';
  id: number;
  answer: unknown;
  error: IRemoteError | null;
}

/** From main to a worker. */
export type TToWorker =
  | {
      type: 'begin';
      worker: number;
      workers: number;
      ticketKeys: Uint8Array;
    }
  /** Comes with the handle of a port that is bound. */
  | { type: 'port'; key: string }
  /** Comes with the handle of a worker that is away: its clients are to be served meanwhile. */
  | { type: 'adopt'; key: string; worker: number }
  /** That worker is back. */
  | { type: 'release'; worker: number }
  /** What `prepare` made is not wanted. */
  | { type: 'discard' }
  | { type: 'plan'; part: IPlanPart }
  | { type: 'commit'; sequence: number; appliesPrepared: boolean }
  | { type: 'places'; messages: TPlaceMessage[] }
  | { type: 'limits'; answers: ILimitAnswers }
  /** A name of backends leads elsewhere than before. */
  | { type: 'name'; hostname: string; lookup: INameLookup }
  | { type: 'ping' }
  | IQuestion<IAskedOfWorker>
  | IAnswer;

/** From a worker to main. */
export type TToMain =
  /** It has loaded its code and takes a plan. */
  | { type: 'ready' }
  | { type: 'committed'; sequence: number }
  | { type: 'pong' }
  | { type: 'report'; report: IWorkReport }
  | { type: 'places'; messages: TPlaceMessage[] }
  | { type: 'limits'; questions: ILimitQuestions }
  | { type: 'health'; reports: IHealthReport[] }
  | { type: 'events'; events: IForwardedEvent[] }
  | { type: 'log'; lines: ILogLine[] }
  /** It cannot go on and ends. */
  | { type: 'failed'; error: IRemoteError }
  | IQuestion<IAskedOfMain>
  | IAnswer;
