import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import tls from 'node:tls';
import { startEcho, TcpClient } from './tcp.ts';
import { Client, startOrigin } from './web.ts';

/** Where witnesses go. */
export interface IWitnessPorts {
  /** Serves `a.test`, plain. */
  http: number;
  /** Serves `a.example.test`. */
  https: number;
  /** A TCP entry in front of an echo. */
  tcp: number;
}

/** An origin for witnesses: `ok` for everything but `/long`, whose body the test sends, and upgrades. */
export interface IWitnessOrigin {
  port: number;
  backend: { id: string; hostname: string; port: number };
  /** Of the echo behind TCP entries. */
  echoPort: number;
  /** Responses to `/long`, in order. */
  downloads: http.ServerResponse[];
}

const upgradeHeaders = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': 'k' };

/** Starts what stands behind the router. */
export async function startWitnessOrigin(context: TestContext): Promise<IWitnessOrigin> {
  const downloads: http.ServerResponse[] = [];
  const upgraded = new Set<Duplex>();
  // Before the origin's own end, which waits for them.
  context.after(() => {
    for (const socket of upgraded) socket.destroy();
  });
  const origin = await startOrigin(context, 'one', (request, response) => {
    if (request.url === '/long') {
      response.flushHeaders();
      downloads.push(response);
    } else response.end('ok');
  });
  origin.server.on('upgrade', (_request, socket: Duplex) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
    upgraded.add(socket);
    // A test that breaks connections off expects errors.
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  const { port: echoPort } = await startEcho(context);
  return { port: origin.port, backend: origin.backend, echoPort, downloads };
}

/** A connection that lives for the length of a test, and sees it when it is disturbed. */
export interface ILong {
  /** Its own port, by which the router knows it. */
  port: number;
  /** Moves bytes both ways, and compares them. */
  move(): Promise<void>;
  /** Ends it in order. */
  end(): Promise<void>;
}

/** An upgraded connection that gets back what it sends. */
export async function openWebSocket(context: TestContext, port: number): Promise<ILong> {
  const client = await Client.open(context, port);
  client.send({ headers: upgradeHeaders });
  assert.equal((await client.reply()).status, 101);
  let round = 0;
  return {
    port: client.socket.localPort ?? 0,
    move: async () => {
      const text = `frame ${round++} `.repeat(100);
      client.socket.write(text);
      assert.equal(await client.bytes(text.length), text);
    },
    end: async () => {
      client.socket.end();
      await client.closed;
    },
  };
}

/** A TCP connection to an echo. */
export async function openSession(context: TestContext, port: number): Promise<ILong> {
  const client = await TcpClient.open(context, port);
  let round = 0;
  return {
    port: client.socket.localPort ?? 0,
    move: async () => {
      const text = `[${round++}]`;
      client.socket.write(text);
      await Promise.race([client.until(text), client.end()]);
      assert.equal(client.received.toString(), text);
      client.received = Buffer.alloc(0);
    },
    end: async () => {
      client.socket.end();
      assert.equal(await client.end(), '');
      assert.equal(await client.closed(), '');
    },
  };
}

/** A response whose body goes on and on. */
export async function openDownload(port: number, origin: IWitnessOrigin): Promise<ILong> {
  const request = http.get({ port, host: '127.0.0.1', path: '/long', headers: { Host: 'a.test' } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const sender = origin.downloads.at(-1) ?? assert.fail('the origin was not asked');
  const piece = Buffer.from(Array.from({ length: 251 }, (_, index) => index)).toString('latin1');
  let received = '';
  let [sent, whole] = [0, false];
  response.setEncoding('latin1');
  response.on('data', (text: string) => {
    received += text;
  });
  response.on('end', () => {
    whole = response.complete;
  });
  const ended = once(response, 'close');
  return {
    port: request.socket?.localPort ?? 0,
    move: async () => {
      const text = piece.repeat(40);
      sender.write(text, 'latin1');
      sent += text.length;
      while (received.length < text.length) await Promise.race([once(response, 'data'), ended]);
      assert.ok(received === text, `the body differs before byte ${sent}`);
      received = '';
    },
    end: async () => {
      sender.end();
      await ended;
      assert.ok(whole, 'the download was cut off');
    },
  };
}

/** Clients that ask all the time; what went wrong is in `failures`. */
export class Crowd {
  /** Requests and sessions that went well. */
  served = 0;
  /** Why the others did not, each beginning with who it was. */
  readonly failures: string[] = [];
  /** Ports of the clients that stay on their connections, by their names. */
  readonly kept: Record<string, number> = {};
  private readonly context: TestContext;
  private readonly ports: IWitnessPorts;
  private readonly options: { pauseMs?: number; keeps?: boolean };
  private running: Promise<void>[] = [];
  private isOver = false;

  /**
   * @param options `pauseMs`: between the requests of a client. @default 2; `keeps`: some of them
   * stay on their connections. @default true
   */
  constructor(
    context: TestContext,
    ports: IWitnessPorts,
    options: { pauseMs?: number; keeps?: boolean } = {},
  ) {
    this.context = context;
    this.ports = ports;
    this.options = options;
    context.after(() => {
      this.isOver = true;
    });
  }

  /** Begins: keep-alive clients, and such that open a connection each time: plain, TLS and TCP. */
  begin(): void {
    const { http: plain, https, tcp } = this.ports;
    this.isOver = false;
    const { keeps = true } = this.options;
    this.running = [
      ...(keeps ? ['keep-alive', 'keep-alive too'].map((name) => this.keep(name)) : []),
      this.repeat('new connection', () => askOnce(net.connect(plain, '127.0.0.1'), 'a.test')),
      this.repeat('new TLS connection', () => askOnce(connectTls(https), 'a.example.test')),
      this.repeat('new session', () => echoOnce(tcp)),
    ];
  }

  /** Stops and waits for the requests in flight. */
  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  /** A client that stays on its connection, and takes another one when it was broken. */
  private async keep(name: string): Promise<void> {
    let client: Client | null = null;
    await this.repeat(name, async () => {
      client ??= await Client.open(this.context, this.ports.http);
      this.kept[name] = client.socket.localPort ?? 0;
      try {
        const { status, body } = await client.ask();
        if (status !== 200 || body !== 'ok') throw new Error(`${status} ${body}`);
      } catch (error) {
        client = null;
        throw error;
      }
    });
  }

  private async repeat(name: string, task: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      try {
        await task();
        this.served++;
      } catch (error) {
        this.failures.push(`${name}: ${(error as Error).message}`);
      }
      await setTimeout(this.options.pauseMs ?? 2);
    }
  }
}

function connectTls(port: number): net.Socket {
  const options = { servername: 'a.example.test', rejectUnauthorized: false };
  return tls.connect({ port, host: '127.0.0.1', ...options });
}

/** One request on a connection of its own. */
export async function askOnce(socket: net.Socket, host: string): Promise<void> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const text = await readAll(socket);
  if (!text.startsWith('HTTP/1.1 200 ') || !text.endsWith('\r\n\r\nok')) {
    throw new Error(`Got ${JSON.stringify(text)}`);
  }
}

/** One session of a few bytes. */
export async function echoOnce(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  socket.end('hello');
  const text = await readAll(socket);
  if (text !== 'hello') throw new Error(`Got ${JSON.stringify(text)}`);
}

/** Everything up to an orderly end. */
function readAll(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    let isEnded = false;
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.on('end', () => {
      isEnded = true;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (isEnded) resolve(text);
      else reject(new Error(`Broken off after ${JSON.stringify(text)}`));
    });
  });
}

/** The crowd's requests did not fail, and what was open all the time ends in order. */
export async function wentWell(crowd: Crowd, long: readonly ILong[]): Promise<void> {
  assert.deepEqual(crowd.failures, []);
  assert.ok(crowd.served > 20, `${crowd.served} were served`);
  for (const one of long) {
    await one.move();
    await one.end();
  }
}
