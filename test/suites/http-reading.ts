import { BodyReader } from '../../ts/proxy/http/body-reader.ts';
import type { FieldTable } from '../../ts/proxy/http/field-table.ts';
import { INCOMPLETE, MALFORMED } from '../../ts/proxy/http/field-table.ts';
import { bodyKind, type IHeadLimits, RequestHead } from '../../ts/proxy/http/request-head.ts';
import { ResponseHead } from '../../ts/proxy/http/response-head.ts';

/** Limits of the defaults, for tests that are about something else. */
export const usualLimits: IHeadLimits = {
  headBytesMax: 32_768,
  headerCountMax: 100,
  uriBytesMax: 16_384,
};

/** A message as our parsers understood it. */
export interface IReadMessage {
  /** The first line without its version: method and target as sent, or the status and its reason. */
  readonly line: [string, string];
  readonly minor: number;
  readonly fields: [string, string][];
  readonly kind: number;
  /** Data so far, and whether that is all. */
  body: string;
  complete: boolean;
  trailers: string;
  readonly keepAlive: boolean;
  readonly upgrade: string;
}

/** What our parsers made of a stream of bytes. */
export interface IReading {
  readonly messages: IReadMessage[];
  /** `waiting`: more may come; `closed`: the last message said so; `refused`: with `status`. */
  end: 'waiting' | 'closed' | 'refused';
  /** Of the refusal, 0 without one. */
  status: number;
  /** Bytes behind the last message that were not looked at. */
  rest: number;
}

/** Called for every message whose head was accepted, while the head is valid. */
export type TOnHead<THead> = (head: THead, message: IReadMessage) => void;

/** Bytes that stand where a parser must not look. */
const garbage = Buffer.from(
  '\r\n\r\n0\r\n\r\nHost: x\r\n\r\n\0\xff;: GET / HTTP/1.1\r\n',
  'latin1',
);

/** The bytes inside a larger buffer whose rest is garbage. */
export function withGarbage(bytes: Buffer): { buffer: Buffer; start: number; end: number } {
  const buffer = Buffer.concat([garbage, bytes, garbage]);
  return { buffer, start: garbage.length, end: garbage.length + bytes.length };
}

/** The bytes, but looking at one that is not between `start` and `end` throws. */
export function guarded(bytes: Buffer, start: number, end: number): Buffer {
  return new Proxy(bytes, {
    get(target, key) {
      const isIndex = typeof key === 'string' && /^-?\d+$/.test(key);
      if (isIndex && (Number(key) < start || Number(key) >= end)) {
        throw new RangeError(`Byte ${key} is not between ${start} and ${end}`);
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Reads requests as a client's connection does, from bytes that come in the given parts. */
export function readRequests(
  parts: readonly Buffer[],
  limits: IHeadLimits = usualLimits,
  onHead?: TOnHead<RequestHead>,
): IReading {
  const head = new RequestHead();
  return read(parts, {
    parse: (bytes, start, end) => head.parse(bytes, start, end, limits),
    statusOf: () => head.status,
    message: () => requestMessage(head, onHead),
    lengthOf: () => head.contentLength,
    isLast: (message) => !message.keepAlive || message.line[0] === 'CONNECT',
  });
}

/**
 * Reads responses as a backend's connection does, up to the connection's end behind the last part.
 *
 * @param methods of the requests, one for each final response; reading ends behind the last one.
 */
export function readResponses(
  parts: readonly Buffer[],
  methods: readonly string[],
  onHead?: TOnHead<ResponseHead>,
  bytesMax = 65_536,
  head = new ResponseHead(),
): IReading {
  const left = [...methods];
  return read(parts, {
    parse: (bytes, start, end) => head.parse(bytes, start, end, left[0] as string, bytesMax),
    statusOf: () => 502,
    message: () => {
      if (head.status >= 200 || head.status === 101) left.shift();
      return responseMessage(head, onHead);
    },
    lengthOf: () => head.contentLength,
    isLast: (message) => left.length === 0 || (message.line[0] >= '200' && !message.keepAlive),
    ends: true,
  });
}

/** All ways to cut the bytes in two. */
export function* splitsOf(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** The bytes one by one. */
export function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

interface IKind {
  parse(bytes: Buffer, start: number, end: number): number;
  statusOf(): number;
  message(): IReadMessage;
  lengthOf(): number;
  isLast(message: IReadMessage): boolean;
  /** The peer closes behind the last part. */
  ends?: boolean;
}

function read(parts: readonly Buffer[], kind: IKind): IReading {
  const reading: IReading = { messages: [], end: 'waiting', status: 0, rest: 0 };
  const body = new BodyReader();
  let stash: Buffer = Buffer.alloc(0);
  let current: IReadMessage | null = null;
  for (const part of parts) {
    const { buffer, start, end } = withGarbage(Buffer.concat([stash, part]));
    let at = start;
    while (at < end && reading.end === 'waiting') {
      if (current === null) {
        const stop = kind.parse(buffer, at, end);
        if (stop === INCOMPLETE) break;
        if (stop === MALFORMED) {
          reading.end = 'refused';
          reading.status = kind.statusOf();
          break;
        }
        at = stop;
        current = kind.message();
        reading.messages.push(current);
        body.begin(current.kind, kind.lengthOf());
      } else {
        at = body.read(buffer, at, end);
        for (let index = 0; index < body.pieceCount; index++) {
          const [from, to] = [body.pieceStart(index), body.pieceEnd(index)];
          current.body += buffer.toString('latin1', from, to);
        }
        if (body.failed) {
          reading.end = 'refused';
          reading.status = 400;
        }
      }
      if (!body.complete) continue;
      current.complete = true;
      current.trailers = body.trailers;
      if (kind.isLast(current)) reading.end = 'closed';
      current = null;
    }
    reading.rest = end - at;
    stash = Buffer.from(buffer.subarray(at, end));
  }
  if (kind.ends !== true || current === null || reading.end !== 'waiting') return reading;
  body.finish();
  current.complete = body.complete;
  reading.end = body.complete ? 'closed' : 'refused';
  return reading;
}

/** The fields in their order. */
export function fieldsOf(table: FieldTable): [string, string][] {
  return Array.from({ length: table.count }, (_, index) => [table.name(index), table.value(index)]);
}

function requestMessage(head: RequestHead, onHead?: TOnHead<RequestHead>): IReadMessage {
  const { fields, minor, keepAlive, upgrade } = head;
  const [method = '', target = ''] = fields.text.split(' ');
  return noted(head, onHead, {
    line: [method, target],
    minor,
    fields: fieldsOf(fields),
    kind: head.body,
    body: '',
    complete: head.body === bodyKind.none,
    trailers: '',
    keepAlive,
    upgrade,
  });
}

function responseMessage(head: ResponseHead, onHead?: TOnHead<ResponseHead>): IReadMessage {
  return noted(head, onHead, {
    line: [String(head.status), head.reason],
    minor: head.minor,
    fields: fieldsOf(head.fields),
    kind: head.body,
    body: '',
    complete: head.body === bodyKind.none,
    trailers: '',
    keepAlive: head.keepAlive,
    upgrade: '',
  });
}

function noted<THead>(head: THead, onHead: TOnHead<THead> | undefined, message: IReadMessage) {
  onHead?.(head, message);
  return message;
}
