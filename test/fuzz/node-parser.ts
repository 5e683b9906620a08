import { createServer, type IncomingMessage, request as openRequest, type Server } from 'node:http';
import { Duplex } from 'node:stream';

/** A message as Node understood it. */
export interface INodeMessage {
  /** Method and target, or status and reason. */
  readonly line: [string, string];
  readonly fields: [string, string][];
  body: string;
  complete: boolean;
  trailers: [string, string][];
}

/** What Node made of a stream of bytes. */
export interface INodeReading {
  readonly messages: INodeMessage[];
  /** Code of the error with which it gave up; null: it did not. */
  error: string | null;
}

/** One end of a connection that exists in memory only. */
class Pipe extends Duplex {
  readonly reading: INodeReading = { messages: [], error: null };

  override _read(): void {
    // Everything is pushed at once.
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }

  // What `net.Socket` has beyond a stream, as far as node:http calls it.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [
    raw[index * 2] as string,
    raw[index * 2 + 1] as string,
  ]);
}

function keep(reading: INodeReading, message: IncomingMessage, line: [string, string]): void {
  const kept: INodeMessage = {
    line,
    fields: pairs(message.rawHeaders),
    body: '',
    complete: false,
    trailers: [],
  };
  reading.messages.push(kept);
  message.on('data', (bytes: Buffer) => {
    kept.body += bytes.toString('latin1');
  });
  message.on('end', () => {
    kept.complete = message.complete;
    kept.trailers = pairs(message.rawTrailers);
  });
  message.on('error', (error: NodeJS.ErrnoException) => {
    reading.error ??= error.code ?? error.message;
  });
}

function requestServer(): Server {
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  const onRequest = (request: IncomingMessage) => {
    const { reading } = request.socket as unknown as Pipe;
    keep(reading, request, [request.method ?? '', request.url ?? '']);
  };
  // Who listens is asked instead of getting an answer of Node's own.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);
  server.on('connect', onRequest);
  // Nothing is destroyed yet: what came before the error is still on its way to its listeners.
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    (socket as unknown as Pipe).reading.error ??= error.code ?? error.message;
  });
  return server;
}

const server = requestServer();

/** Lets Node's server parse streams of requests; each stream is a connection of its own. */
export async function parseRequests(streams: readonly Buffer[]): Promise<INodeReading[]> {
  const pipes = streams.map((bytes) => {
    const pipe = new Pipe();
    pipe.on('error', (error) => {
      pipe.reading.error ??= error.message;
    });
    server.emit('connection', pipe);
    pipe.push(bytes);
    return pipe;
  });
  return settled(pipes);
}

/** Lets Node's client parse responses; the connection ends behind the bytes. */
export async function parseResponses(
  streams: readonly { bytes: Buffer; method: string }[],
): Promise<INodeReading[]> {
  const pipes = streams.map(({ bytes, method }) => {
    const pipe = new Pipe();
    const { reading } = pipe;
    const fail = (error: NodeJS.ErrnoException) => {
      reading.error ??= error.code ?? error.message;
    };
    const request = openRequest({
      method,
      host: 'a',
      createConnection: () => pipe as never,
    });
    const onMessage = (message: IncomingMessage) => {
      keep(reading, message, [String(message.statusCode), message.statusMessage ?? '']);
    };
    request.on('information', ({ statusCode, statusMessage, rawHeaders }) => {
      const line: [string, string] = [String(statusCode), statusMessage];
      const fields = pairs(rawHeaders);
      reading.messages.push({ line, fields, body: '', complete: true, trailers: [] });
    });
    request.on('response', onMessage);
    request.on('upgrade', onMessage);
    request.on('connect', onMessage);
    request.on('error', fail);
    pipe.on('error', fail);
    request.end(() => {
      pipe.push(bytes);
      pipe.push(null);
    });
    return pipe;
  });
  return settled(pipes);
}

/** Waits until nothing has happened for some turns of the event loop. */
async function settled(pipes: readonly Pipe[]): Promise<INodeReading[]> {
  let quiet = 0;
  let before = '';
  while (quiet < 3) {
    await new Promise((resolve) => setImmediate(resolve));
    let state = 0;
    for (const { reading } of pipes) {
      if (reading.error !== null) state++;
      for (const { body, complete } of reading.messages)
        state += 7 + body.length + (complete ? 1 : 0);
    }
    quiet = String(state) === before ? quiet + 1 : 0;
    before = String(state);
  }
  for (const pipe of pipes) pipe.destroy();
  return pipes.map(({ reading }) => structuredClone(reading));
}
