import type { TLogLevel } from '../../ts_interfaces/data/log.ts';
import type { TLogEvent } from './log-event.ts';
import { redact, redactText } from './redact.ts';
import { escapeControls } from './text.ts';

/** What the log writes as one line. */
export interface ILogRecord {
  /** Since the epoch. */
  timeMs: number;
  level: TLogLevel;
  event: TLogEvent;
  message: string;
  data?: Record<string, unknown>;
}

/** The record as one JSON object, redacted, without a line feed. Never throws. */
export function formatJson({ timeMs, level, event, message, data }: ILogRecord): string {
  return JSON.stringify({
    time: new Date(timeMs).toISOString(),
    level,
    event,
    message: redactText(message),
    data: data === undefined ? undefined : redact(data),
  });
}

/**
 * The record for people: `12:30:05.120 WARN  backend.dead  message  key=value …`, redacted.
 *
 * Control characters are escaped: what a client sent can neither forge a line nor reach the
 * terminal. Never throws.
 *
 * @param colours whether to use ANSI colours.
 */
export function formatPretty(record: ILogRecord, colours: boolean): string {
  const { timeMs, level, event, message, data } = record;
  const time = new Date(timeMs).toISOString().slice(0, 23).replace('T', ' ');
  const paint = colours ? ansi : plain;
  const text = [
    paint(dim, time),
    paint(levelColours[level], level.toUpperCase().padEnd(5)),
    paint(bold, event),
    escapeControls(redactText(message)),
  ].join(' ');
  return data === undefined ? text : text + formatData(redact(data), paint);
}

const dim = 2;
const bold = 1;
const levelColours: Record<TLogLevel, number> = { error: 31, warn: 33, info: 32, debug: 36 };

type TPaint = (code: number, text: string) => string;
const ansi: TPaint = (code, text) => `\u001b[${code}m${text}\u001b[0m`;
const plain: TPaint = (_code, text) => text;

function formatData(data: Record<string, unknown>, paint: TPaint): string {
  return Object.entries(data)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${paint(dim, `${escapeControls(key)}=`)}${formatValue(value)}`)
    .join('');
}

function formatValue(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value)) return value;
  return escapeControls(JSON.stringify(value));
}
