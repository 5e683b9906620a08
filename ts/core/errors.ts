import { escapeControls } from './text.ts';

/** Whose fault it is, and whether trying again helps, for every code of a `DcError`. */
export const errorTable = {
  /** The configuration as a whole is refused; `problems` names each place. */
  CONFIG_INVALID: { origin: 'config', retry: 'never' },
  /** The configuration file is missing, too big or not text. */
  CONFIG_UNREADABLE: { origin: 'config', retry: 'never' },
  /** A route is refused; `problems` names each place. */
  ROUTE_INVALID: { origin: 'config', retry: 'never' },
  /** A route with this id is there already. */
  ROUTE_EXISTS: { origin: 'downstream', retry: 'never' },
  /** No route has this id or virtual host. */
  ROUTE_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** The route has a backend with this id already. */
  BACKEND_EXISTS: { origin: 'downstream', retry: 'never' },
  /** The route has no backend with this id. */
  BACKEND_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** Not PEM, expired, encrypted, for another domain or for another key. */
  CERTIFICATE_INVALID: { origin: 'config', retry: 'never' },
  /** No certificate was given for this domain. */
  CERTIFICATE_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** A TCP entry is refused; `problems` names each place. */
  TCP_INVALID: { origin: 'config', retry: 'never' },
  /** A TCP entry with this id is there already, or it listens on the same port. */
  TCP_EXISTS: { origin: 'downstream', retry: 'never' },
  /** No TCP entry, or no domain config or range of it, has this id. */
  TCP_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** An address list is refused; `problems` names each place. */
  ACCESS_INVALID: { origin: 'config', retry: 'never' },
  /** No address list has this name. */
  ACCESS_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** A rate limit is refused; `problems` names each place. */
  LIMIT_INVALID: { origin: 'config', retry: 'never' },
  /** No rate limit has this name. */
  LIMIT_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** A DNS zone or a change of its records is refused; `problems` names each place. */
  ZONE_INVALID: { origin: 'config', retry: 'never' },
  /** A zone of this name is there already, for the same clients. */
  ZONE_EXISTS: { origin: 'downstream', retry: 'never' },
  /** No zone of ours has this id, or none has this name. */
  ZONE_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** The zone has no such record set. */
  RECORD_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** A DNS server does not answer, or not with what was asked for. */
  DNS_FAILED: { origin: 'upstream', retry: 'later' },
  /** No live connection has this id. */
  CONNECTION_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** A worker process does not start, or does not answer. */
  WORKER_FAILED: { origin: 'internal', retry: 'later' },
  /** No token has this id. */
  TOKEN_UNKNOWN: { origin: 'downstream', retry: 'never' },
  /** Another process holds the store's folder. */
  STORE_LOCKED: { origin: 'internal', retry: 'later' },
  /** The store is damaged or no store of ours; it was left as it is. */
  STORE_CORRUPT: { origin: 'internal', retry: 'never' },
  /** A newer DcRouter wrote the store; it was left as it is. */
  STORE_NEWER: { origin: 'internal', retry: 'never' },
  /** The store cannot be read or written now, e.g. the disk is full. */
  STORE_FAILED: { origin: 'internal', retry: 'later' },
  /** A log file cannot be opened. */
  LOG_FAILED: { origin: 'config', retry: 'later' },
  /** A port cannot be bound. */
  LISTEN_FAILED: { origin: 'internal', retry: 'later' },
  /** The backend refused the connection. */
  UPSTREAM_REFUSED: { origin: 'upstream', retry: 'now' },
  /** The backend did not connect or answer in time. */
  UPSTREAM_TIMEOUT: { origin: 'upstream', retry: 'now' },
  /** The backend closed or reset the connection before its answer was complete. */
  UPSTREAM_RESET: { origin: 'upstream', retry: 'now' },
  /** The backend's answer breaks the protocol. */
  UPSTREAM_INVALID: { origin: 'upstream', retry: 'never' },
  /** The TLS handshake with the backend failed, or its certificate was refused. */
  UPSTREAM_TLS: { origin: 'upstream', retry: 'now' },
  /** The backend's name does not resolve. */
  UPSTREAM_UNKNOWN_HOST: { origin: 'upstream', retry: 'now' },
  /** As many requests wait as may wait. */
  QUEUE_FULL: { origin: 'internal', retry: 'later' },
  /** The request waited longer than a request may wait. */
  QUEUE_TIMEOUT: { origin: 'internal', retry: 'later' },
  /** `If-Match` names a version that is no longer the current one. */
  PRECONDITION_FAILED: { origin: 'downstream', retry: 'never' },
  /** The auth provider failed, timed out or answered nonsense. */
  AUTH_PROVIDER_DOWN: { origin: 'upstream', retry: 'later' },
  /** `start()` of something that runs. */
  ALREADY_RUNNING: { origin: 'internal', retry: 'never' },
  /** Something was asked that only works while running. */
  NOT_RUNNING: { origin: 'internal', retry: 'later' },
} as const satisfies Record<string, { origin: TErrorOrigin; retry: TRetry }>;

/** Whose fault an error is: the client's, a server's behind us, our own, or the operator's. */
export type TErrorOrigin = 'downstream' | 'upstream' | 'internal' | 'config';

/** Whether the same thing may work at once (elsewhere), after a while, or not without a change. */
export type TRetry = 'now' | 'later' | 'never';

/** Code of a `DcError`: a name that programs may rely on. */
export type TErrorCode = keyof typeof errorTable;

/** One thing that is wrong with what somebody gave us. */
export interface IProblem {
  /** Place in the data, e.g. `web.routes[3].vHost`; empty: the whole. */
  path: string;
  /** Why it is refused and what would be accepted; without a full stop. */
  message: string;
  /** What was given; never a secret. */
  value?: unknown;
  /** Name of the file, when it came from one. */
  file?: string;
  /** In the file, from 1. */
  line?: number;
  /** In the file, from 1. */
  column?: number;
  /** The nearest accepted word. */
  suggestion?: string;
}

/** What a `DcError` can carry besides its code and message. */
export interface IDcErrorDetails {
  /** The error that led to it. */
  cause?: unknown;
  /** Every problem that was found, not only the first. @default [] */
  problems?: readonly IProblem[];
}

/**
 * An expected failure, by code.
 *
 * The message is for people: active, values quoted, no full stop, no secrets.
 * Anything else that is thrown is a programmer's error: never retried, never swallowed.
 */
export class DcError extends Error {
  /** What went wrong, for programs. */
  readonly code: TErrorCode;
  /** Places in the data that are wrong; empty where that makes no sense. */
  readonly problems: readonly IProblem[];

  constructor(code: TErrorCode, message: string, details: IDcErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'DcError';
    this.code = code;
    this.problems = details.problems ?? [];
  }

  /** Whose fault it is. */
  get origin(): TErrorOrigin {
    return errorTable[this.code].origin;
  }

  /** Whether trying again helps. */
  get retry(): TRetry {
    return errorTable[this.code].retry;
  }
}

const valueLengthMax = 80;

/**
 * Problems as text for people, one a line:
 * `dcrouter.yaml:12:7 web.routes[3].strategy: … (is "ROUND"; did you mean "ROUND_ROBIN"?)`.
 *
 * Values are shortened, and control characters are escaped, so a line stays a line.
 */
export function formatProblems(problems: readonly IProblem[]): string {
  return problems.map(formatProblem).join('\n');
}

function formatProblem(problem: IProblem): string {
  const notes: string[] = [];
  if (problem.value !== undefined) notes.push(`is ${shortValue(problem.value)}`);
  if (problem.suggestion !== undefined) notes.push(`did you mean "${problem.suggestion}"?`);
  const note = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return escapeControls(`${placeOf(problem)}${path}${problem.message}${note}`);
}

function placeOf({ file, line, column }: IProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  if (place === '') return '';
  return file === undefined ? `line ${place} ` : `${place} `;
}

function shortValue(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // A cycle or a BigInt: its kind says enough.
    text = typeof value;
  }
  return text.length <= valueLengthMax ? text : `${text.slice(0, valueLengthMax)}…`;
}
